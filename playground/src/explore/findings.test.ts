import { expect, test } from 'vitest';
import { Findings, fillVariables } from './findings';

test('the tokens of responses are offered, the latest first', () => {
  const findings = new Findings();
  findings.add('CreateUser', { data: { createUser: { token: 'one', session: { sessionKey: 'first' } } } });
  findings.add('SecondLogin', { data: { login: { token: null, session: null } } });
  findings.add('TakeOver', { data: { login: { token: 'two', session: { sessionKey: 'second' } } } });
  expect(findings.read().tokens.map(({ token, operation }) => [token, operation])).toEqual([
    ['two', 'TakeOver'],
    ['one', 'CreateUser'],
  ]);
  expect(findings.read().ids).toEqual({ sessionKey: 'second' });
});

test('the attempt of the last alert that asks is found', () => {
  const findings = new Findings();
  const alert = (kind: string, id: string) => ({
    data: { sessionAlerts: { kind, attempt: { id }, session: { sessionKey: 'holder' } } },
  });
  findings.add('SessionAlerts', alert('LOGIN_PENDING', 'asks'));
  findings.add('SessionAlerts', alert('LOGIN_REFUSED', 'refused'));
  expect(findings.read().ids).toEqual({ attemptId: 'asks' });
});

test('listeners are called only if something was found', () => {
  const findings = new Findings();
  let calls = 0;
  findings.subscribe(() => (calls += 1));
  findings.add('UserSessions', { data: { user: { sessions: { nodes: [{ sessionKey: 'one' }] } } } });
  expect(calls).toBe(0);
  findings.add('CreateUser', { data: { createUser: { token: 'one' } } });
  expect(calls).toBe(1);
});

test.each([
  ['{ "attemptId": "" }', 'fresh'],
  ['{ "attemptId": "stale" }', 'fresh'],
  ['{ "attemptId": "typed" }', null],
  ['{ "attemptId": "fresh" }', null],
  ['{ "other": "" }', null],
  ['{ "attemptId": ', null],
])('%s is filled with %s', (text, id) => {
  const filled = fillVariables(text, { attemptId: 'fresh' }, new Set(['stale']));
  expect(filled === null ? null : JSON.parse(filled)).toEqual(id === null ? null : { attemptId: id });
});
