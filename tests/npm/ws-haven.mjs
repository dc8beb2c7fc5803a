// The graphql-ws client against haven itself: `node ws-haven.mjs HOST:PORT PASSWORD`, where user1
// has that password.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { logIn, logOut, say } from './haven.mjs';

const [address, password] = process.argv.slice(2);
const user = await logIn(address, 'user1', password);
const connect = (connectionParams, options = {}) =>
  createClient({ url: `ws://${address}/graphql/ws`, webSocketImpl: WebSocket, retryAttempts: 0, lazy: false, onNonLazyError: () => {}, connectionParams, ...options });
const all = async (client, payload) => {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
};
const closed = (client) => new Promise((resolve) => client.on('closed', resolve));

const client = connect({ Authorization: `Token ${user.token}` });
assert.deepEqual(await all(client, { query: '{ me { username } }' }), [{ data: { me: { username: 'user1' } } }]);
for (const [payload, code] of [
  [{ query: '{' }, 'GRAPHQL_PARSE_FAILED'],
  [{ query: '{ nothing }' }, 'GRAPHQL_VALIDATION_FAILED'],
  [{ query: 'query($id: ID!) { user(id: $id) { id } }' }, 'BAD_USER_INPUT'],
  [{ query: 'subscription { assistantAnswer(id: "1", after: "x") { text } }' }, 'BAD_USER_INPUT'],
  [{ query: 'subscription { assistantAnswer(id: "1") { text } }' }, 'NOT_FOUND'],
]) {
  const failed = await all(client, payload).then(
    (results) => results[0].errors,
    (errors) => errors,
  );
  assert.equal(failed[0].extensions.code, code, payload.query);
}

// Messages arrive, each once.
const messages = client.iterate({ query: 'subscription { supportMessages(userId: "me", after: "0") { message } }' });
await say(address, user, 'Первое');
assert.equal((await messages.next()).value.data.supportMessages.message, 'Первое');
await say(address, user, 'Второе');
assert.equal((await messages.next()).value.data.supportMessages.message, 'Второе');

// A log-out ends the socket.
const end = closed(client);
const rest = messages.next().then(
  () => assert.fail('went on after the log-out'),
  (event) => event,
);
await logOut(address, user);
assert.equal((await end).code, 4403);
assert.equal((await rest).code, 4403);

await assert.rejects(all(connect({ token: user.token }, { lazy: true }), { query: '{ me { id } }' }), { code: 4403 });
console.log('graphql-ws ok');
