// Every audit of graphql-http's server audit suite, against the address in the first argument.
import assert from 'node:assert/strict';
import { serverAudits } from 'graphql-http';

const audits = serverAudits({ url: process.argv[2], fetchFn: fetch });
const failures = [];
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    failures.push(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  }
}
console.log(`${audits.length - failures.length} of ${audits.length} audits ok`);
assert.deepEqual(failures, []);
assert.equal(audits.length, 61);
