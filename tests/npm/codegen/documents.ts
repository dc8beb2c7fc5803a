// Operations as an app has them. `codegen.mjs` generates their types from schema.graphql, and
// compiles this file against them: what is used below has the types that it is said to have.
import { graphql } from './generated/index.js';
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';

export const Me = graphql(`
  query Me {
    me {
      id
      language
      joinedAt
      profile { age location militaryStatus music { id name url } }
      alarms(first: 10) {
        edges { cursor node { id timestamp result { completed latitude } notifications { status recipient {
          __typename
          ... on EmergencyContact { relationship }
          ... on Therapist { phone }
        } } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

export const UpdateProfile = graphql(`
  mutation UpdateProfile($userId: ID!, $input: UpdateProfileInput!) {
    updateProfile(userId: $userId, input: $input) { id age }
  }
`);

export const Follow = graphql(`
  subscription Follow($after: ID) {
    supportMessages(userId: "me", after: $after) { id message sender fromAdmin timestamp author { username } }
  }
`);

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const is = <_ extends true>(): void => undefined;

type MeUser = NonNullable<ResultOf<typeof Me>['me']>;
type AlarmNode = MeUser['alarms']['edges'][number]['node'];
type Recipient = NonNullable<AlarmNode['notifications'][number]['recipient']>;

// Ids, cursors and times are text; what may be null is; unions can be told apart.
is<Equal<MeUser['id'], string>>();
is<Equal<MeUser['joinedAt'], string>>();
is<Equal<NonNullable<MeUser['profile']>['age'], number | null | undefined>>();
is<Equal<NonNullable<MeUser['profile']>['militaryStatus'], boolean>>();
is<Equal<AlarmNode['timestamp'], string>>();
is<Equal<AlarmNode['result']['latitude'], number | null | undefined>>();
is<Equal<MeUser['alarms']['edges'][number]['cursor'], string>>();
is<Equal<MeUser['alarms']['pageInfo']['hasNextPage'], boolean>>();
is<Equal<Recipient['__typename'], 'EmergencyContact' | 'Therapist'>>();
is<Equal<ResultOf<typeof Follow>['supportMessages']['sender'], 'GPT' | 'SYSTEM' | 'USER'>>();

export const tell = (recipient: Recipient): string =>
  recipient.__typename === 'Therapist' ? recipient.phone : recipient.relationship;

// What is left out of a change stays, and null clears: both are allowed, and nothing else is.
export const changes: VariablesOf<typeof UpdateProfile>[] = [
  { userId: 'me', input: {} },
  { userId: '1', input: { age: null, location: 'Москва', musicId: '2' } },
];
// @ts-expect-error An age is a number.
export const wrongAge: VariablesOf<typeof UpdateProfile> = { userId: 'me', input: { age: '40' } };
// @ts-expect-error A required variable.
export const missing: VariablesOf<typeof UpdateProfile> = { input: {} };
// @ts-expect-error No such field.
export const unknown: VariablesOf<typeof UpdateProfile> = { userId: 'me', input: { name: 'x' } };
