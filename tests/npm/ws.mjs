// The graphql-ws client against the address in the first argument.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const connect = (options = {}) => createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options });
const all = async (client, payload) => {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
};

{
  const client = connect();
  assert.deepEqual(await all(client, { query: '{ hello viewer }' }), [
    { data: { hello: 'Hello, world!', viewer: 'anonymous' } },
  ]);
  assert.deepEqual(await all(client, { query: 'mutation { increment }' }), [{ data: { increment: 1 } }]);
  const counted = await all(client, {
    query: 'subscription ($to: Int!) { count(to: $to) }',
    variables: { to: 3 },
  });
  assert.deepEqual(counted.map((result) => result.data.count), [1, 2, 3]);

  // Field errors come with data, beside it.
  const [partial] = await all(client, { query: '{ hello boom }' });
  assert.equal(partial.data.hello, 'Hello, world!');
  assert.equal(partial.data.boom, null);
  assert.equal(partial.errors[0].extensions.code, 'CONFLICT');

  // Refused operations end with the errors, and the socket lives on.
  for (const [payload, code] of [
    [{ query: '{' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '{ nothing }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: 'query ($to: Int!) { hello count(to: $to) }' }, 'BAD_USER_INPUT'],
  ]) {
    await assert.rejects(all(client, payload), (errors) => errors[0].extensions.code === code);
  }

  // Several at once, one of them left early.
  const endless = client.iterate({ query: 'subscription { forever }' });
  assert.equal((await endless.next()).value.data.forever, 0);
  await endless.return();
  const both = await Promise.all([
    all(client, { query: 'subscription { count(to: 2) }' }),
    all(client, { query: '{ hello }' }),
  ]);
  assert.deepEqual(both.map((results) => results.length), [2, 1]);
  await client.dispose();
}

for (const connectionParams of [
  { Authorization: 'Token good' },
  { authorization: 'Bearer good' },
  { token: 'good' },
]) {
  const client = connect({ connectionParams });
  const [result] = await all(client, { query: '{ viewer }' });
  assert.equal(result.data.viewer, 'good');
  await client.dispose();
}

{
  const client = connect({ connectionParams: { token: 'bad' } });
  await assert.rejects(all(client, { query: '{ viewer }' }), { code: 4403, reason: 'Forbidden' });
}
console.log('graphql-ws client ok');
