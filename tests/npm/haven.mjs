// What the scripts ask of a running haven beside what they test.
import assert from 'node:assert/strict';

/** A GraphQL request over POST that has to succeed; its data. */
export async function graphql(address, token, query, variables = {}) {
  const answer = await fetch(`http://${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Token ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined);
  return data;
}

export async function logIn(address, username, password) {
  const query = 'mutation($input: LoginInput!) { login(input: $input) { token } }';
  const { login } = await graphql(address, undefined, query, { input: { username, password } });
  return login;
}

export const logOut = (address, { token }) => graphql(address, token, 'mutation { logout }');

/** Says something in the user's support chat. */
export const say = (address, { token }, message) =>
  graphql(address, token, 'mutation($message: String!) { sendSupportMessage(userId: "me", message: $message) { id } }', {
    message,
  });

// Nothing takes this long; it keeps a broken test from hanging.
setTimeout(() => {
  console.error('gave up waiting');
  process.exit(1);
}, 60_000).unref();
