// Apollo Client against a running haven: `node apollo.mjs ADDRESS PASSWORD`. There are an admin
// `boss` and the users `user1` to `user5`.
import assert from 'node:assert/strict';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { Inbox, ask } from './asking.mjs';

const [address, password] = process.argv.slice(2);

/** An app of one person, as its developers would put it together. */
function app() {
  let token;
  let socket;
  const sockets = createClient({
    url: `ws://${address}/graphql/ws`,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Token ${token}` }),
    lazy: true,
    retryAttempts: 50,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
    on: { opened: (opened) => { socket = opened; } },
  });
  const http = ApolloLink.from([
    new SetContextLink(({ headers }) => (token ? { headers: { ...headers, authorization: `Token ${token}` } } : {})),
    new HttpLink({ uri: `http://${address}/graphql` }),
  ]);
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      http,
    ),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { users: relayStylePagination(['search']) } } },
      possibleTypes: {
        NotificationRecipient: ['EmergencyContact', 'Therapist'],
        SupportEvent: ['ChatMessagePosted', 'UserConnected', 'UserDisconnected'],
      },
    }),
  });
  return {
    client,
    breakOff: () => socket.terminate(),
    async logIn(username) {
      const { data } = await client.mutate({
        mutation: gql`mutation LogIn($input: LoginInput!) { login(input: $input) { token user { id username isAdmin } } }`,
        variables: { input: { username, password } },
      });
      token = data.login.token;
      return data.login.user;
    },
    async close() {
      client.stop();
      await sockets.dispose();
    },
  };
}

const boss = app();
const user = app();

// Log in; a wrong password is a typed error.
await assert.rejects(
  boss.client.mutate({
    mutation: gql`mutation Wrong($input: LoginInput!) { login(input: $input) { token } }`,
    variables: { input: { username: 'boss', password: 'not this' } },
  }),
  (error) => CombinedGraphQLErrors.is(error) && error.errors[0].extensions.code === 'UNAUTHENTICATED',
);
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
const users = boss.client.watchQuery({ query: USERS, variables: { first: 2 } });
const shown = new Inbox();
const following = users.subscribe((result) => shown.push(result.data?.users));
await shown.until((lists) => lists.at(-1)?.edges.length === 2);
for (const seen of [4, 6]) {
  const { pageInfo } = shown.items.at(-1);
  assert.equal(pageInfo.hasNextPage, true);
  await users.fetchMore({ variables: { after: pageInfo.endCursor } });
  await shown.until((lists) => lists.at(-1).edges.length === seen);
}
const data = { users: shown.items.at(-1) };
assert.equal(data.users.pageInfo.hasNextPage, false);
const names = ['boss', 'user1', 'user2', 'user3', 'user4', 'user5'];
assert.deepEqual(data.users.edges.map(({ node }) => node.username).toSorted(), names);
const cached = await boss.client.query({ query: USERS, variables: { first: 2 }, fetchPolicy: 'cache-only' });
assert.equal(cached.data.users.edges.length, 6);

console.log('paged');

// A mutation, which the normalised cache shows wherever the object stands.
const UPDATE = gql`mutation Update($id: ID!, $input: UpdateProfileInput!) {
  updateProfile(userId: $id, input: $input) { id age }
}`;
await boss.client.mutate({ mutation: UPDATE, variables: { id: somebody.id, input: { age: 41 } } });
const ageOf = (list) => list.edges.find(({ node }) => node.id === somebody.id).node.profile.age;
await shown.until((lists) => ageOf(lists.at(-1)) === 41);
following.unsubscribe();

console.log('changed');

// A typed error: the code, and every wrong field.
await assert.rejects(
  user.client.mutate({ mutation: UPDATE, variables: { id: 'me', input: { age: 200, ptsdLevel: 9 } } }),
  (error) => {
    assert.ok(CombinedGraphQLErrors.is(error));
    const { code, fields } = error.errors[0].extensions;
    assert.equal(code, 'BAD_USER_INPUT');
    assert.deepEqual(fields.map(({ field }) => field), ['age', 'ptsdLevel']);
    return true;
  },
);
// A failed nullable field is null with an error beside the data of others.
const partial = await user.client.query({
  query: gql`query Two($id: ID!) { me { id username } user(id: $id) { id username } }`,
  variables: { id: data.users.edges.find(({ node }) => node.id !== somebody.id).node.id },
  errorPolicy: 'all',
});
assert.equal(partial.data.me.username, 'user1');
assert.equal(partial.data.user, null);
assert.deepEqual(partial.error.errors.map(({ path, extensions }) => [path, extensions.code]), [[['user'], 'FORBIDDEN']]);

// A subscription through a broken socket and a restart of the server.
const say = async (message) => {
  const answer = await user.client.mutate({
    mutation: gql`mutation Say($message: String!) { sendSupportMessage(userId: "me", message: $message) { id } }`,
    variables: { message },
  });
  return answer.data.sendSupportMessage.id;
};
const first = await say('before');
const heard = new Inbox();
const subscription = boss.client
  .subscribe({
    query: gql`subscription Follow($id: ID!, $after: ID) { supportMessages(userId: $id, after: $after) { id message fromAdmin } }`,
    variables: { id: somebody.id, after: first },
  })
  .subscribe({
    next: (result) => heard.push(result.error ? { message: String(result.error) } : result.data.supportMessages),
    error: (error) => heard.push({ message: `ended: ${error}` }),
  });
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
console.log('Apollo Client ok');
process.exit(0);
