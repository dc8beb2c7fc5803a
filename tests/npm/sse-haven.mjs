// The graphql-sse client, in distinct connections mode, against haven itself:
// `node sse-haven.mjs HOST:PORT PASSWORD`, where user1 has that password.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { logIn, logOut, say } from './haven.mjs';

const [address, password] = process.argv.slice(2);
const user = await logIn(address, 'user1', password);
const client = createClient({
  url: `http://${address}/graphql/sse`,
  headers: { Authorization: `Token ${user.token}` },
  retryAttempts: 0,
});
const all = async (payload) => {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
};

assert.deepEqual(await all({ query: '{ me { username } }' }), [{ data: { me: { username: 'user1' } } }]);
for (const [query, code] of [
  ['{', 'GRAPHQL_PARSE_FAILED'],
  ['subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
]) {
  const error = await all({ query }).then(() => assert.fail(`${query} was executed`), (error) => error);
  assert.equal(error.response.status, 400);
  assert.equal((await error.response.json()).errors[0].extensions.code, code);
}

// Messages arrive, each once; a log-out ends the stream and says so.
const messages = client.iterate({ query: 'subscription { supportMessages(userId: "me", after: "0") { message } }' });
await say(address, user, 'Первое');
assert.equal((await messages.next()).value.data.supportMessages.message, 'Первое');
await say(address, user, 'Второе');
assert.equal((await messages.next()).value.data.supportMessages.message, 'Второе');
await logOut(address, user);
// The subscription may notice as well as the stream around it, and then both say so.
const last = [];
for await (const { errors } of messages) last.push(errors[0].extensions.code);
assert.deepEqual([...new Set(last)], ['UNAUTHENTICATED']);
client.dispose();
console.log('graphql-sse ok');
