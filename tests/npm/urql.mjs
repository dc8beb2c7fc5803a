// urql with its normalised cache against a running haven: `node urql.mjs ADDRESS PASSWORD`. There
// are an admin `boss` and the users `user1` to `user5`.
import assert from 'node:assert/strict';
import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { buildClientSchema, getIntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-ws';
import { pipe, subscribe } from 'wonka';
import WebSocket from 'ws';

import { Inbox, ask } from './asking.mjs';

const [address, password] = process.argv.slice(2);
const url = `http://${address}/graphql`;

// The cache is told the schema, so that it knows which fields may be null.
const introspection = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query: getIntrospectionQuery() }),
});
const { data: schema } = await introspection.json();
buildClientSchema(schema);

/** An app of one person, as its developers would put it together. */
function app() {
  let token;
  let socket;
  const sockets = createClient({
    url: `ws://${address}/graphql/ws`,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ token }),
    retryAttempts: 50,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
    on: { opened: (opened) => { socket = opened; } },
  });
  const client = new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      cacheExchange({
        schema,
        resolvers: { Query: { users: relayPagination() } },
        // What belongs to its parent alone has no identity of its own.
        keys: { AlarmResult: () => null },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: sockets.subscribe({ ...request, query: request.query ?? '' }, sink),
          }),
        }),
      }),
    ],
    fetchOptions: () => ({ headers: token ? { authorization: `Bearer ${token}` } : {} }),
  });
  return {
    client,
    breakOff: () => socket.terminate(),
    close: () => sockets.dispose(),
    async logIn(username) {
      const { data, error } = await client.mutation(
        gql`mutation LogIn($input: LoginInput!) { login(input: $input) { token user { id username isAdmin } } }`,
        { input: { username, password } },
      );
      assert.equal(error, undefined);
      token = data.login.token;
      return data.login.user;
    },
  };
}

const boss = app();
const user = app();
assert.equal((await boss.logIn('boss')).isAdmin, true);
const somebody = await user.logIn('user1');

// Page through a connection with the stock helper.
console.log('logged in');
const USERS = gql`query Users($first: Int!, $after: String) {
  users(first: $first, after: $after) {
    edges { cursor node { id username profile { id age } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
let result = await boss.client.query(USERS, { first: 2 });
let pages = 1;
while (result.data.users.pageInfo.hasNextPage) {
  result = await boss.client.query(USERS, { first: 2, after: result.data.users.pageInfo.endCursor });
  assert.equal(result.error, undefined);
  pages += 1;
}
assert.equal(pages, 3);
const names = ['boss', 'user1', 'user2', 'user3', 'user4', 'user5'];
assert.deepEqual(result.data.users.edges.map(({ node }) => node.username).toSorted(), names);
const cached = await boss.client.query(USERS, { first: 2 }, { requestPolicy: 'cache-only' });
assert.equal(cached.data.users.edges.length, 6);

console.log('paged');

// A mutation, which the normalised cache shows wherever the object stands.
const UPDATE = gql`mutation Update($id: ID!, $input: UpdateProfileInput!) {
  updateProfile(userId: $id, input: $input) { id age }
}`;
const updated = await boss.client.mutation(UPDATE, { id: somebody.id, input: { age: 42 } });
assert.equal(updated.error, undefined);
const after = await boss.client.query(USERS, { first: 2 }, { requestPolicy: 'cache-only' });
assert.equal(after.data.users.edges.find(({ node }) => node.id === somebody.id).node.profile.age, 42);

console.log('changed');

// A typed error: the code, and every wrong field.
const refused = await user.client.mutation(UPDATE, { id: 'me', input: { age: 200, ptsdLevel: 9 } });
const { code, fields } = refused.error.graphQLErrors[0].extensions;
assert.equal(code, 'BAD_USER_INPUT');
assert.deepEqual(fields.map(({ field }) => field), ['age', 'ptsdLevel']);
// A failed nullable field is null with an error beside the data of others.
const partial = await user.client.query(
  gql`query Two($id: ID!) { me { id username } user(id: $id) { id username } }`,
  { id: result.data.users.edges.find(({ node }) => node.id !== somebody.id).node.id },
);
assert.equal(partial.data.me.username, 'user1');
assert.equal(partial.data.user, null);
assert.deepEqual(partial.error.graphQLErrors[0].path, ['user']);
assert.equal(partial.error.graphQLErrors[0].extensions.code, 'FORBIDDEN');

// A subscription through a broken socket and a restart of the server.
const say = async (message) => {
  const answer = await user.client.mutation(
    gql`mutation Say($message: String!) { sendSupportMessage(userId: "me", message: $message) { id } }`,
    { message },
  );
  assert.equal(answer.error, undefined);
  return answer.data.sendSupportMessage.id;
};
const first = await say('before');
const heard = new Inbox();
const subscription = pipe(
  boss.client.subscription(
    gql`subscription Follow($id: ID!, $after: ID) { supportMessages(userId: $id, after: $after) { id message fromAdmin } }`,
    { id: somebody.id, after: first },
  ),
  subscribe(({ data, error }) => heard.push(error ? { message: String(error) } : data.supportMessages)),
);
const texts = () => [...new Set(heard.items.map(({ message }) => message))];
const arrives = (text) => heard.until((items) => items.some(({ message }) => message === text));

console.log('refused; subscribes');
await say('one');
await arrives('one');
boss.breakOff();
await say('while the socket was broken');
await arrives('while the socket was broken');
await ask('restart');
await say('after the restart');
await arrives('after the restart');
await say('and live again');
await arrives('and live again');
assert.deepEqual(texts(), ['one', 'while the socket was broken', 'after the restart', 'and live again']);
subscription.unsubscribe();

await boss.close();
await user.close();
console.log('urql ok');
process.exit(0);
