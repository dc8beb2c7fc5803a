// schema.graphql under graphql-eslint's rules for schemas and for Relay's connections. What haven
// does otherwise is argued for here, and nothing else passes.
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import graphql from '@graphql-eslint/eslint-plugin';

const schema = fileURLToPath(new URL('../../schema.graphql', import.meta.url));
const { rules: recommended } = graphql.configs['flat/schema-recommended'];
const { rules: relay } = graphql.configs['flat/schema-relay'];

const eslint = new ESLint({
  cwd: fileURLToPath(new URL('../../', import.meta.url)),
  overrideConfigFile: true,
  overrideConfig: [{
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    rules: {
      ...recommended,
      ...relay,
      '@graphql-eslint/relay-edge-types': ['error', {
        withEdgeSuffix: true,
        // There is no `node(id:)`: ids count within their type, as the legacy API has them, and
        // caches tell objects apart by `__typename` and `id`.
        shouldImplementNode: false,
        // Lists that stay short, as the contacts of a user (50 at most), have no pages; and
        // connections have `nodes` beside `edges`.
        listTypeCanWrapOnlyEdgeType: false,
      }],
      '@graphql-eslint/strict-id-in-types': ['error', {
        exceptions: {
          // The answer to one mutation, or one page: nothing to be found again by an id.
          suffixes: ['Connection', 'Edge', 'Payload'],
          types: [
            'PageInfo',
            // A part of its alarm, found through it.
            'AlarmResult',
            // A part of its contact, found through it.
            'ContactDelivery',
            // The answers to a question, and to opening the chat; what they hold has ids.
            'AssistantReply',
            'SupportChatAccess',
            // Events of a subscription; what they are about has ids.
            'ChatMessagePosted',
            'UserConnected',
            'UserDisconnected',
            // A piece of an answer that is being written; the answer has an id.
            'AssistantChunk',
          ],
        },
      }],
    },
  }],
});

/** Single findings that are no faults, by rule and the beginning of the message. */
const argued = [
  // One word, not the name of the type and a noun; and the one that people log in with.
  ['@graphql-eslint/no-typename-prefix', 'Field "username" starts with the name of the parent type "User"'],
  // Defined by the GraphQL specification; printed because a scalar of the schema may have it.
  ['@graphql-eslint/no-unreachable-types', 'Directive `specifiedBy` is unreachable'],
];

const [result] = await eslint.lintFiles([schema]);
const used = new Set();
const findings = result.messages.filter(({ ruleId, message }) => {
  const found = argued.find(([rule, text]) => rule === ruleId && message.startsWith(text));
  used.add(found);
  return found === undefined;
});
for (const { line, ruleId, message } of findings) {
  console.log(`schema.graphql:${line} ${ruleId}: ${message}`);
}
for (const [rule, text] of argued.filter((exception) => !used.has(exception))) {
  console.log(`no longer found, so not to be argued for: ${rule}: ${text}`);
}
process.exitCode = findings.length > 0 || argued.some((exception) => !used.has(exception)) ? 1 : 0;
