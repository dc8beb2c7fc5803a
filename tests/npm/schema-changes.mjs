// Which changes break clients and are not named in the first section of the change log:
// `node schema-changes.mjs BEFORE AFTER CHANGELOG`.
import { existsSync, readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const [before, after, log] = process.argv.slice(2);
const schema = (path) => buildSchema(readFileSync(path, 'utf8'));
const [, unreleased = ''] = existsSync(log) ? readFileSync(log, 'utf8').split(/^## /m) : [];

const changes = await diff(schema(before), schema(after));
const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
const unnamed = breaking.filter(({ path, message }) => !unreleased.includes(`\`${path ?? message}\``));
console.log(`${changes.length} changes, of which ${breaking.length} break clients`);
if (unnamed.length > 0) {
  console.log('These break clients and are not named in the first section of CHANGELOG.md:');
  for (const { path, message } of unnamed) console.log(`  \`${path ?? message}\`: ${message}`);
  process.exitCode = 1;
}
