import { expect, test } from 'vitest';
import { newDemoUser, spaced } from './demo-user';
import { addressOf, profiles } from './devices';
import { alertPassed, type Entry, type Exchange, isAsked, missedBy, newPhone, withAlert, withExchange } from './model';
import { alertOf } from './testing';

const exchange = (id: number): Exchange => ({
  id,
  name: 'A',
  operation: '{ a }',
  variables: {},
  answer: {},
  failed: false,
  secret: null,
  as: 'as anyone',
});

test('what the visitor asked for is shown, and what the phone sends by itself does not push it away', () => {
  const asked = withExchange(newPhone(1), exchange(1), true);
  expect(withExchange(asked, exchange(2), false).shown).toBe(1);
  expect(withExchange(asked, exchange(2), true).shown).toBe(2);
  expect(withExchange(newPhone(1), exchange(1), false).shown).toBe(1);
});

test('where the shown exchange is forgotten, the latest is shown', () => {
  let phone = withExchange(newPhone(1), exchange(1), true);
  for (let id = 2; id < 9; id += 1) phone = withExchange(phone, exchange(id), false);
  expect(phone.exchanges.map(({ id }) => id)).toEqual([8, 7, 6, 5, 4, 3]);
  expect(phone.shown).toBeGreaterThan(2);
});

test('an alert that is heard twice is kept once', () => {
  const phone = withAlert(newPhone(1), alertOf(1, 'LOGIN_REFUSED'), false);
  expect(withAlert(phone, alertOf(1, 'LOGIN_REFUSED'), true)).toBe(phone);
});

test('a question is over once it has been settled, and not by a refused login', () => {
  const waiting = withAlert(newPhone(1), alertOf(1, 'LOGIN_PENDING'), false);
  const asked = { ...waiting, received: waiting.received.map((known) => ({ ...known, waitsUntil: 'later' })) };
  const refused = withAlert(asked, alertOf(2, 'LOGIN_REFUSED'), false);
  expect(refused.received[1]?.waitsUntil).toBe('later');
  expect(withAlert(refused, alertOf(3, 'LOGIN_NOT_APPROVED'), false).received[2]?.waitsUntil).toBe(null);
});

test('of a log that the phone could not read at its login, what is before its own question was never missed', () => {
  const log = [alertOf(3, 'LOGIN_APPROVED'), alertOf(2, 'LOGIN_PENDING'), alertOf(1, 'LOGIN_REFUSED')];
  const sequences = (device: string) => missedBy({ ...newPhone(2), device }, log).map(({ sequence }) => sequence);
  expect(sequences('Firefox 145 on Windows')).toEqual([3]);
  expect(sequences('Safari 18 on iPhone')).toEqual([3, 2, 1]);
});

test('a phone is asked while a login waits for its answer, and it may give one', () => {
  const received = {
    alert: alertOf(1, 'LOGIN_PENDING'),
    replayed: false,
    waitsUntil: '2999-01-01T00:02:00.000Z',
    answered: null,
  };
  const asked = { ...newPhone(1), stage: 'active' as const, received: [received] };
  const end = Date.parse(received.waitsUntil);
  expect(isAsked(asked, end - 1)).toBe(true);
  expect(isAsked(asked, end)).toBe(false);
  expect(isAsked({ ...asked, stage: 'ended' }, end - 1)).toBe(false);
  expect(isAsked({ ...asked, received: [{ ...received, waitsUntil: null }] }, end - 1)).toBe(false);
});

test('an alert has one place in the timeline, with everyone who heard it', () => {
  let timeline: readonly Entry[] = [];
  timeline = alertPassed(timeline, alertOf(1, 'LOGIN_REFUSED'), null, { id: 1 });
  timeline = alertPassed(timeline, alertOf(1, 'LOGIN_REFUSED'), { phone: 1, how: 'replayed' }, { id: 2 });
  timeline = alertPassed(timeline, alertOf(1, 'LOGIN_REFUSED'), { phone: 2, how: 'live' }, { id: 3 });
  expect(timeline).toMatchObject([{ id: 1, heard: { 1: 'replayed', 2: 'live' } }]);
});

test('each try comes from another address of the same network', () => {
  const addresses = new Set(Array.from({ length: 240 }, (_, attempt) => addressOf(profiles[1], attempt)));
  expect(addresses.size).toBe(240);
  for (const address of addresses) expect(address).toMatch(/^203\.0\.113\.(?:[1-9]\d|1\d\d|2[0-4]\d)$/);
});

test('a new user has a number of nobody’s and a long password', () => {
  const { mobile, password } = newDemoUser();
  expect(mobile).toMatch(/^\+999\d{9}$/);
  expect(password).toMatch(/^[\da-f]{24}$/);
  expect(spaced(mobile)).toMatch(/^\+999 \d{3} \d{3} \d{3}$/);
});
