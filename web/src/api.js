// How the page speaks to the server: all addresses are relative to the page's own.
import { Kind, OperationTypeNode, parse } from 'graphql';
import { createClient } from 'graphql-ws';

/** Events of a subscription that stay in sight. */
const EVENTS = 100;

const endpoint = new URL('graphql', document.baseURI);

const withToken = (token, headers) => {
  const own = new Headers(headers);
  if (token && !own.has('authorization')) own.set('authorization', `Token ${token}`);
  return own;
};

/** The answer to a query or mutation. Throws where it isn't GraphQL's. */
export async function post(token, request, headers) {
  const sent = withToken(token, headers);
  sent.set('accept', 'application/graphql-response+json, application/json;q=0.9');
  sent.set('content-type', 'application/json');
  const response = await fetch(endpoint, { method: 'POST', headers: sent, body: JSON.stringify(request) }).catch(() => {
    throw new Error('The server does not answer.');
  });
  try {
    return await response.json();
  } catch {
    throw new Error(`The server answered with status ${response.status} and no JSON.`);
  }
}

/**
 * A subscription over a socket of its own, which ends with it. GraphiQL shows one answer at a
 * time, and what came before would be gone: so each has the earlier events below it, latest first.
 */
function follow(token, request, headers) {
  const url = new URL('graphql/ws', document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const client = createClient({
    url: url.href,
    connectionParams: Object.fromEntries(withToken(token, headers)),
  });
  const events = client.iterate(request);
  const earlier = [];
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const { value, done } = await events.next();
        if (done) return { value, done };
        const shown = earlier.length > 0 ? { ...value, earlier: [...earlier] } : value;
        earlier.unshift(value.data ?? value);
        earlier.splice(EVENTS - 1);
        return { value: shown, done };
      } catch (problem) {
        if (Array.isArray(problem)) return { value: { errors: problem, earlier }, done: false };
        throw problem instanceof CloseEvent
          ? new Error(`The server closed the socket: ${problem.code} ${problem.reason}`)
          : problem;
      }
    },
    return: () => events.return(),
    throw: (problem) => events.throw(problem),
  };
}

/** Of the document as it is. What GraphiQL says of it is late: it waits until the typing stops. */
function operationsOf(query) {
  try {
    return parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  } catch {
    // The server says best what is wrong.
    return [];
  }
}

/** What GraphiQL sends its operations by. Calls `doubtful` when the server may not know the token any more. */
export const fetcher = (token, doubtful) => async (request, options) => {
  const operations = operationsOf(request.query);
  const named = operations.find(({ name }) => name?.value === request.operationName);
  const operation = named ?? (operations.length === 1 ? operations[0] : undefined);
  const sent = { ...request, operationName: operation ? operation.name?.value : request.operationName };
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    return follow(token, sent, options?.headers);
  }
  const answer = await post(token, sent, options?.headers);
  if (token && answer.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED')) doubtful();
  return answer;
};
