// The login. Its token lives in the session storage: it ends with the tab, no other tab has it.
import { post } from './api.js';

const KEY = 'haven:session';
const USER = 'id username isAdmin';

/** `{ token, user }` of the login so far, or null. */
export const stored = () => JSON.parse(sessionStorage.getItem(KEY));

/** Logs in. Throws an error with a message for the person. */
export async function logIn(username, password) {
  const { data, errors } = await post(null, {
    query: `mutation LogIn($input: LoginInput!) { login(input: $input) { token user { ${USER} } } }`,
    variables: { input: { username, password } },
  });
  if (!data?.login) {
    const [error] = errors ?? [];
    const wrong = error?.extensions?.code === 'UNAUTHENTICATED';
    throw new Error(wrong ? 'The username or the password is wrong.' : (error?.message ?? 'The login failed.'));
  }
  sessionStorage.setItem(KEY, JSON.stringify(data.login));
  return data.login;
}

/** Whether the server still knows the token. Not knowing isn't a no: throws without an answer. */
export async function isGood(token) {
  const { data } = await post(token, { query: `{ me { ${USER} } }` });
  return Boolean(data?.me);
}

/** Forgets the login, which the server has ended. What was typed under it stays. */
export const forget = () => sessionStorage.removeItem(KEY);

/** Ends the login and clears what was typed under it. Throws, and ends nothing, if the server was not reached. */
export async function logOut(token) {
  await post(token, { query: 'mutation LogOut { logout }' });
  sessionStorage.clear();
}

/** How wide a pane is beside its neighbour, until somebody drags the border. */
const SIZES = { 'graphiql:docExplorerFlex': '0.28' };

/** Where GraphiQL keeps its tabs: the session storage as well, because they hold what people wrote. */
export const tabs = {
  getItem: (key) => sessionStorage.getItem(key) ?? SIZES[key] ?? null,
  setItem: (key, value) => sessionStorage.setItem(key, value),
  removeItem: (key) => sessionStorage.removeItem(key),
  get length() {
    return Object.keys(sessionStorage).filter((key) => key !== KEY).length;
  },
  clear() {
    for (const key of Object.keys(sessionStorage)) if (key !== KEY) sessionStorage.removeItem(key);
  },
};
