import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { nameOf } from '../api/document';
import { startOperations } from './start-operations';

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));

test('the steps are numbered, and cover each policy and a decision', () => {
  expect(startOperations.map(({ query }) => nameOf(query))).toEqual([
    'CreateUser',
    'SessionAlerts',
    'SecondLogin',
    'AskFirst',
    'DecideLogin',
    'TakeOver',
    'InvalidateSession',
    'UserSessions',
  ]);
  for (const [index, { query }] of startOperations.entries()) {
    expect(query).toContain(`# Step ${index + 1} of ${startOperations.length}. `);
  }
});

test.each(startOperations.map(({ query }) => [nameOf(query), query]))('%s is valid for the schema', (_, query) => {
  expect(validate(schema, parse(query))).toEqual([]);
});
