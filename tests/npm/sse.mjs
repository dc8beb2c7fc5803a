// The graphql-sse client, in distinct connections mode, against the address in the first argument.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';

const client = createClient({ url: process.argv[2], headers: { Authorization: 'Token good' }, retryAttempts: 0 });
const all = async (payload) => {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
};

assert.deepEqual(await all({ query: '{ hello viewer }' }), [
  { data: { hello: 'Hello, world!', viewer: 'good' } },
]);
const counted = await all({
  query: 'subscription ($to: Int!) { count(to: $to) }',
  variables: { to: 3 },
});
assert.deepEqual(counted.map((result) => result.data.count), [1, 2, 3]);

const [partial] = await all({ query: '{ hello boom }' });
assert.equal(partial.data.hello, 'Hello, world!');
assert.equal(partial.errors[0].extensions.code, 'CONFLICT');

for (const [query, code] of [
  ['{', 'GRAPHQL_PARSE_FAILED'],
  ['subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
]) {
  const error = await all({ query }).then(() => assert.fail(`${query} was executed`), (error) => error);
  assert.equal(error.response.status, 400);
  const body = await error.response.json();
  assert.equal(body.errors[0].extensions.code, code);
  assert.ok(!('data' in body));
}

const endless = client.iterate({ query: 'subscription { forever }' });
assert.equal((await endless.next()).value.data.forever, 0);
await endless.return();
client.dispose();
console.log('graphql-sse client ok');
