import { expect, test } from 'vitest';
import { SessionAlertsDocument } from '../gql/graphql';
import { nameOf, readable } from './document';

test('a generated operation is formatted as if written by hand', () => {
  const text = readable(SessionAlertsDocument);
  expect(text).toMatch(/^subscription SessionAlerts\(/);
  expect(text).toMatch(/\n}\n\nfragment Alert on SessionAlert {\n {2}id\n/);
});

test.each([
  ['mutation LogIn($input: LoginInput!) { login }', 'LogIn'],
  ['# A comment\nquery User { user }', 'User'],
  ['{ user }', 'operation'],
])('%s is named %s', (operation, name) => {
  expect(nameOf(operation)).toBe(name);
});
