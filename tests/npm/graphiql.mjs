// An admin's visit to /graphiql in headless Chromium. In the environment: URL, the address of
// haven; ADMIN and PASSWORD, to log in by; USER_ID and USER_TOKEN, of somebody who writes to support
// and pressed an alarm of which a contact could not be told; SCREENSHOTS, the folder for pictures.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const { URL: origin, ADMIN, PASSWORD, USER_ID, USER_TOKEN, SCREENSHOTS } = process.env;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

await mkdir(SCREENSHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});

/** What the page did that it may not do. */
const problems = [];
const requests = [];

/** Takes out the problems that the test itself made. */
const forgive = (text) => {
  const others = problems.filter((problem) => !problem.includes(text));
  assert.ok(others.length < problems.length, `nothing was heard of ${text}`);
  problems.splice(0, problems.length, ...others);
};

const watch = (page) => {
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
  // Loading that the page itself broke off, as of a worker when the page is left, is no problem.
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') problems.push(`failed: ${request.url()} ${reason}`);
  });
  page.on('websocket', (socket) => requests.push(socket.url()));
};

try {
  const context = await browser.newContext({ viewport: { width: 1400, height: 850 }, colorScheme: 'light' });
  context.setDefaultTimeout(20_000);
  // Of the context, so that those of workers count too.
  context.on('request', (request) => requests.push(request.url()));
  await context.exposeFunction('violated', (directive, blocked) => problems.push(`CSP: ${directive} ${blocked}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.violated(event.violatedDirective, `${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
    );
  });
  const page = await context.newPage();
  watch(page);
  const shoot = (name) => page.screenshot({ path: join(SCREENSHOTS, `graphiql-${name}.png`) });
  const response = page.locator('.result-window .view-lines');
  // Monaco draws spaces as no-break spaces.
  const answered = async (text) => {
    const found = (lines) => lines.replaceAll('\u00a0', ' ').includes(text);
    for (let end = Date.now() + 20_000; Date.now() < end; ) {
      if (found(await response.innerText())) return;
      await page.waitForTimeout(50);
    }
    assert.fail(`no "${text}" in the answer: ${await response.innerText()}`);
  };
  const example = (title) => page.getByRole('button', { name: title }).click();
  /** Takes an example and fills its variables in, by keyboard. */
  const fill = async (title, variables) => {
    await example(title);
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(JSON.stringify(variables));
  };
  /** What the user does meanwhile, on a phone. */
  const onThePhone = async (query, variables) => {
    const sent = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Token ${USER_TOKEN}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await sent.json();
    assert.equal(errors, undefined);
    return data;
  };
  const stop = async () => {
    await page.getByRole('button', { name: /^Stop/ }).click();
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  };
  const run = () => page.getByRole('button', { name: /^Execute query/ }).click();
  /** Accessibility of what haven adds to GraphiQL. */
  const examine = async () => {
    const violations = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run({ include: [['.bar'], ['.examples']] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
    });
    assert.deepEqual(violations, []);
  };

  // The page, before anybody logs in.
  await page.goto(`${origin}/graphiql`);
  assert.equal(await page.title(), 'haven · GraphiQL');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await page.getByRole('heading', { name: 'Examples' }).waitFor();
  await page.locator('.graphiql-query-editor .view-lines').getByText('WhoAmI').first().waitFor();
  await shoot('1-before');
  await page.evaluate(await (await import('node:fs/promises')).readFile(AXE, 'utf8'));
  await examine();

  // A wrong password, by keyboard alone.
  const alert = page.getByRole('alert');
  await page.getByLabel('Username').focus();
  await page.keyboard.type(ADMIN);
  await page.keyboard.press('Tab');
  await page.keyboard.type('not the password');
  await page.keyboard.press('Enter');
  await alert.filter({ hasText: 'The username or the password is wrong.' }).waitFor();
  await examine();
  await shoot('2-wrong-password');

  // The right one.
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: `Logged in as ${ADMIN} (admin)` }).waitFor();
  await examine();

  // The first tab.
  await run();
  await answered(`"username": "${ADMIN}"`);

  // An example with a variable.
  await example('Find a user');
  await page.locator('.graphiql-editor-tool .view-lines').first().getByText('search').waitFor();
  await run();
  await answered('"username": "anna"');
  await shoot('3-find-a-user');

  // A mutation, with variables filled in by keyboard.
  await fill('Add a track', { input: { name: 'Rain', url: 'https://example.org/rain.mp3' } });
  await page.keyboard.press('Control+Enter');
  await answered('"name": "Rain"');

  // The Tab key leaves an editor.
  const inEditor = () => page.evaluate(() => Boolean(document.activeElement.closest('.graphiql-editor-tool .monaco-editor')));
  assert.equal(await inEditor(), true);
  await page.keyboard.press('Tab');
  assert.equal(await inEditor(), false);

  // A subscription: an event from before, and one that comes while it runs.
  const say = (message) =>
    onThePhone('mutation ($message: String!) { sendSupportMessage(userId: "me", message: $message) { id } }', { message });
  await say('Is anybody there?');
  await example('Follow support events');
  await run();
  await answered('Is anybody there?');
  await say('I would like to talk.');
  await answered('I would like to talk.');
  await answered('"earlier"');
  await shoot('4-support-events');
  const socket = requests.find((url) => url.startsWith('ws'));
  assert.equal(socket, `${origin.replace('http', 'ws')}/graphql/ws`);
  await stop();

  // The chat is answered, and the user has the answer.
  await fill('Answer a chat', { userId: USER_ID, message: 'I am here. What happened?' });
  await run();
  await answered('"message": "I am here. What happened?"');
  await shoot('11-answer-a-chat');
  const { me } = await onThePhone('{ me { supportChat { messages(last: 1) { nodes { message fromAdmin } } } } }');
  assert.deepEqual(me.supportChat.messages.nodes, [{ message: 'I am here. What happened?', fromAdmin: true }]);

  // Who was not told of an alarm, and why.
  await example('See failed notifications');
  await run();
  await answered('"recipientName": "Maria"');
  await answered('"failure": "address_rejected"');
  await shoot('12-failed-notifications');

  // The alarm as it stands, and as it goes on.
  await fill('Follow an alarm', { userId: USER_ID });
  await run();
  await answered('"completed": false');
  await answered('"status": "FAILED"');
  const { me: { alarms } } = await onThePhone('{ me { alarms { nodes { id } } } }');
  const alarm = alarms.nodes[0].id;
  const report = 'mutation ($id: ID!) { reportAlarm(alarmId: $id, input: { location: "By the river" }) { id } }';
  await onThePhone(report, { id: alarm });
  await answered('"location": "By the river"');
  await shoot('13-follow-an-alarm');
  await onThePhone('mutation ($id: ID!) { completeAlarm(alarmId: $id) { id } }', { id: alarm });
  await answered('"completed": true');
  await stop();

  // What else there is: the documentation, and the dialogs.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.locator('.graphiql-doc-explorer').getByText('Subscription').first().waitFor();
  // However far the examples were scrolled.
  assert.equal(await page.locator('.graphiql-plugin').evaluate((panel) => panel.scrollTop), 0);
  await shoot('5-documentation');
  await page.getByRole('button', { name: 'Open settings dialog' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Dark' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Show Examples' }).click();
  await page.getByRole('heading', { name: 'Examples' }).waitFor();
  await examine();
  await shoot('6-dark');

  // What is typed is completed from the schema.
  await page.getByRole('button', { name: 'New tab' }).click();
  await page.locator('.graphiql-query-editor .monaco-editor').first().click();
  await page.keyboard.insertText('{ musicTr');
  await page.keyboard.press('Control+Space');
  await page.locator('.suggest-widget').getByText('musicTracks').first().waitFor();
  await shoot('7-completion');
  await page.keyboard.press('Escape');

  // The login and the tabs outlive a reload, in the session storage and nowhere else.
  await page.reload();
  await page.getByRole('status').filter({ hasText: ADMIN }).waitFor();
  await page.getByRole('tab', { name: 'FollowAlarm' }).waitFor();
  const kept = await page.evaluate(() => ({
    url: location.href,
    local: localStorage.length,
    cookies: document.cookie,
    token: JSON.parse(sessionStorage.getItem('haven:session')).token,
    elsewhere: Object.entries(sessionStorage).filter(([key]) => key !== 'haven:session').map(([, value]) => value).join(),
  }));
  assert.equal(kept.url, `${origin}/graphiql`);
  assert.equal(kept.local, 0);
  assert.equal(kept.cookies, '');
  assert.ok(kept.token && !kept.elsewhere.includes(kept.token));
  assert.ok(!requests.some((url) => url.includes(kept.token)));
  const whoIs = async (token) => {
    const asked = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Token ${token}` },
      body: JSON.stringify({ query: '{ me { username } }' }),
    });
    return (await asked.json()).data?.me?.username;
  };
  assert.equal(await whoIs(kept.token), ADMIN);

  // A narrow window.
  await page.setViewportSize({ width: 800, height: 700 });
  await shoot('8-narrow');

  // Without the server, nobody is told that they are out.
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Log out' }).click();
  await alert.filter({ hasText: 'You are still logged in' }).waitFor();
  await shoot('9-offline');
  await context.setOffline(false);
  forgive('net::ERR_INTERNET_DISCONNECTED');

  // Out: the server, the page and the storage forget it all.
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await page.getByRole('tab', { name: 'WhoAmI' }).waitFor();
  await shoot('10-after');
  assert.equal(await whoIs(kept.token), undefined);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('haven:session')), null);
  assert.equal(await page.getByRole('tab', { name: 'FollowAlarm' }).count(), 0);

  // A login that ended elsewhere is noticed.
  await page.getByLabel('Username').fill(ADMIN);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: ADMIN }).waitFor();
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('haven:session')).token);
  await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Token ${token}` },
    body: JSON.stringify({ query: 'mutation { logout }' }),
  });
  await example('Find a user');
  await run();
  await alert.filter({ hasText: 'Your login has ended.' }).waitFor();

  const foreign = requests.filter((url) => {
    const { protocol, host } = new URL(url);
    return !(protocol === 'data:' || host === new URL(origin).host);
  });
  assert.deepEqual(foreign, []);
  assert.deepEqual(problems, []);
  assert.ok(requests.some((url) => url.includes('graphql.worker')), 'the worker was not loaded');
  console.log(`GraphiQL ok: ${requests.length} requests, all to ${origin}`);
} catch (error) {
  const [page] = browser.contexts().flatMap((context) => context.pages());
  await page?.screenshot({ path: join(SCREENSHOTS, 'graphiql-failed.png') });
  console.error(problems.join('\n'));
  throw error;
} finally {
  await browser.close();
}
