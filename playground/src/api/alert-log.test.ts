import { expect, test } from 'vitest';
import { alertOf } from '../live/testing';
import { logIn } from './alert-log';

test('the log is what the user’s has', () => {
  const nodes = [alertOf(2, 'LOGIN_REFUSED'), alertOf(1, 'LOGIN_REFUSED')];
  expect(logIn({ data: { user: { alerts: { nodes } } } })).toBe(nodes);
});

test.each([
  { data: { user: null } },
  { errors: [{ message: 'Log in first.', extensions: { code: 'UNAUTHENTICATED' } }] },
])('%o is no log, now and later', (answer) => {
  expect(logIn(answer)).toBe(null);
});

test.each([
  { errors: [{ message: 'The server gave no answer.' }] },
  { errors: [{ message: 'The server gave no answer.', extensions: { code: 'UNAVAILABLE' } }] },
])('%o is to be tried again', (answer) => {
  expect(() => logIn(answer)).toThrow('The server gave no answer.');
});
