import { expect, test } from 'vitest';
import { ownerIn } from './owner';

const session = { isValid: true, status: 'ACTIVE' as const, user: { mobile: '+9991', username: 'SavingsBank' } };

test('the session’s user is the token’s owner', () => {
  expect(ownerIn({ data: { currentSession: session } })).toEqual({ mobile: '+9991' });
});

test('without an answer it is said why', () => {
  expect(ownerIn({ errors: [{ message: 'The server gave no answer.' }] })).toEqual({
    why: 'The server gave no answer.',
  });
});

test('a token without a session is said to have none', () => {
  expect(ownerIn({ data: { currentSession: null } })).toEqual({ why: 'This token belongs to no session.' });
});
