import { expect, test } from 'vitest';
import { ownerFrom } from './owner';

const session = { isValid: true, status: 'ACTIVE' as const, user: { mobile: '+9991', username: 'SavingsBank' } };

test('the session’s user is the token’s owner', () => {
  expect(ownerFrom({ data: { currentSession: session } })).toEqual({ mobile: '+9991' });
});

test('if the request fails, the reason is returned', () => {
  expect(ownerFrom({ errors: [{ message: 'The server did not respond.' }] })).toEqual({
    reason: 'The server did not respond.',
  });
});

test('a token without a session has no owner', () => {
  expect(ownerFrom({ data: { currentSession: null } })).toEqual({ reason: 'This token does not belong to a session.' });
});
