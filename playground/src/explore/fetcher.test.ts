import { expect, test } from 'vitest';
import { newPhone } from '../live/model';
import { withIdentity, withOwnName } from './fetcher';
import { identities, shortened } from './identities';

const access = {
  developmentMode: true,
  schemaShown: true,
  credential: { kind: 'none' },
  secret: null,
  isService: true,
  show: () => undefined,
} as const;

test('the chosen identity’s token goes along', () => {
  expect(withIdentity({ 'x-request-id': '1' }, 'abc')).toEqual({ 'x-request-id': '1', authorization: 'Bearer abc' });
});

test.each(['Authorization', 'authorization'])('%s of the Headers pane comes before it', (name) => {
  expect(withIdentity({ [name]: 'Bearer mine' }, 'abc')).toEqual({ [name]: 'Bearer mine' });
});

test('without a token nothing goes along', () => {
  expect(withIdentity({}, null)).toEqual({});
});

test('a device can be chosen once it has had a token', () => {
  const phones = { 1: { ...newPhone(1), token: 'one', stage: 'ended' as const }, 2: newPhone(2) };
  expect(identities(access, phones).map(({ label, secret }) => [label, secret])).toEqual([
    ['No token: the service', null],
    ['Device 1, signed out', 'one'],
  ]);
});

test('of a key too short to be shortened nothing is shown', () => {
  expect(shortened('0123456789')).toBe('…');
  expect(shortened('sd1_AaIP_whneK6j-jOnsMNeMyJdkabI')).toBe('sd1_AaIP…kabI');
});

test('an operation goes under its own name, whatever the editor takes it for', () => {
  expect(withOwnName({ query: 'query A { b }', operationName: 'C' }).operationName).toBe('A');
  expect(withOwnName({ query: '{ b }', operationName: 'C' }).operationName).toBe(null);
});

test.each(['query A { b } query B { b }', 'query {'])('of %s the editor knows the name better', (query) => {
  expect(withOwnName({ query, operationName: 'B' }).operationName).toBe('B');
});
