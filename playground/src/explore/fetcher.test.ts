import { expect, test } from 'vitest';
import { newPhone } from '../demo/model';
import { withIdentity, withOwnName } from './fetcher';
import { identities, shortened } from './identities';

const access = {
  developmentMode: true,
  introspection: true,
  clientPolicies: null,
  awayAfterSeconds: 120,
  credential: { kind: 'none' },
  secret: null,
  isService: true,
  setCredential: () => undefined,
} as const;

test('the chosen identity’s token is sent', () => {
  expect(withIdentity({ 'x-request-id': '1' }, 'abc')).toEqual({ 'x-request-id': '1', authorization: 'Bearer abc' });
});

test.each(['Authorization', 'authorization'])('the header %s of the Headers pane takes precedence', (name) => {
  expect(withIdentity({ [name]: 'Bearer mine' }, 'abc')).toEqual({ [name]: 'Bearer mine' });
});

test('without a token no header is sent', () => {
  expect(withIdentity({}, null)).toEqual({});
});

test('a device can be chosen if it has a token, and so can a token that the editor has received', () => {
  const phones = { 1: { ...newPhone(1), token: 'one', stage: 'ended' as const }, 2: newPhone(2) };
  expect(
    identities(access, phones, [{ token: 'sd1_AaIP_whneK6j-jOnsMNeMyJdkabI', operation: 'TakeOver' }]).map(
      ({ label, secret }) => [label, secret],
    ),
  ).toEqual([
    ['The service, without a key', null],
    ['Device 1, logged out', 'one'],
    ['Token of TakeOver (sd1_AaIP…kabI)', 'sd1_AaIP_whneK6j-jOnsMNeMyJdkabI'],
    ['The cookie of this browser', null],
  ]);
});

test('no part of a short key is shown', () => {
  expect(shortened('0123456789')).toBe('…');
  expect(shortened('sd1_AaIP_whneK6j-jOnsMNeMyJdkabI')).toBe('sd1_AaIP…kabI');
});

test('an operation is sent with its own name, even if the editor has another one', () => {
  expect(withOwnName({ query: 'query A { b }', operationName: 'C' }).operationName).toBe('A');
  expect(withOwnName({ query: '{ b }', operationName: 'C' }).operationName).toBe(null);
});

test.each(['query A { b } query B { b }', 'query {'])('the editor’s operation name is kept for %s', (query) => {
  expect(withOwnName({ query, operationName: 'B' }).operationName).toBe('B');
});
