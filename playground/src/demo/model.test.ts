import { expect, test } from 'vitest';
import { alertOf } from '../api/testing';
import { formatMobile } from '../ui/mobile';
import { newDemoUser } from './demo-user';
import { addressOf, phoneProfiles } from './devices';
import { type Exchange, hasPendingLogin, newPhone, withAlert, withExchange } from './model';

const exchange = (id: number, byVisitor: boolean, name = `Operation${id}`): Exchange => ({
  id,
  name,
  byVisitor,
  operation: '{ a }',
  variables: {},
  response: {},
  failed: false,
  secret: null,
  identity: 'page',
  sentAs: 'without a token',
});

test('an exchange that the visitor caused stays in view, whatever the phone sends by itself', () => {
  const byVisitor = withExchange(newPhone(1), exchange(1, true));
  expect(withExchange(byVisitor, exchange(2, false)).shown).toBe(1);
  expect(withExchange(byVisitor, exchange(2, true)).shown).toBe(2);
  expect(withExchange(newPhone(1), exchange(1, false)).shown).toBe(1);
});

test('when the exchange in view is dropped, the latest one is shown', () => {
  let phone = withExchange(newPhone(1), exchange(1, true));
  for (let id = 2; id < 9; id += 1) phone = withExchange(phone, exchange(id, false));
  expect(phone.exchanges.map(({ id }) => id)).toEqual([8, 7, 6, 5, 4, 3]);
  expect(phone.shown).toBeGreaterThan(2);
});

test('attempts of a phone to reconnect do not push out what the visitor sent', () => {
  let phone = withExchange(newPhone(1), exchange(1, true, 'LogIn'));
  for (let id = 2; id < 20; id += 2) {
    phone = withExchange(phone, exchange(id, false, 'NewestAlert'));
    phone = withExchange(phone, exchange(id + 1, false, 'SessionAlerts'));
  }
  expect(phone.exchanges.map(({ id }) => id)).toEqual([19, 18, 1]);
});

test('an alert that is received twice is kept once', () => {
  const phone = withAlert(newPhone(1), alertOf(1, 'LOGIN_REFUSED'), false);
  expect(withAlert(phone, alertOf(1, 'LOGIN_REFUSED'), true)).toBe(phone);
});

test('a login is no longer pending after a decision, but still pending after a refused login', () => {
  const pending = withAlert(newPhone(1), alertOf(1, 'LOGIN_PENDING'), false);
  const dated = { ...pending, received: pending.received.map((known) => ({ ...known, waitsUntil: 'later' })) };
  const refused = withAlert(dated, alertOf(2, 'LOGIN_REFUSED'), false);
  expect(refused.received[1]?.waitsUntil).toBe('later');
  expect(withAlert(refused, alertOf(3, 'LOGIN_NOT_APPROVED'), false).received[2]?.waitsUntil).toBe(null);
});

test('a phone has a pending login until the login expires, and only while its own session is active', () => {
  const alert = alertOf(1, 'LOGIN_PENDING');
  const received = { alert, replayed: false, waitsUntil: '2999-01-01T00:02:00.000Z', decision: null };
  const asked = { ...newPhone(1), stage: 'active' as const, received: [received] };
  const end = Date.parse(received.waitsUntil);
  expect(hasPendingLogin(asked, end - 1)).toBe(true);
  expect(hasPendingLogin(asked, end)).toBe(false);
  expect(hasPendingLogin({ ...asked, stage: 'ended' }, end - 1)).toBe(false);
  expect(hasPendingLogin({ ...asked, received: [{ ...received, waitsUntil: null }] }, end - 1)).toBe(false);
});

test('each attempt has another address of the same network', () => {
  const addresses = new Set(Array.from({ length: 240 }, (_, attempt) => addressOf(phoneProfiles[1], attempt)));
  expect(addresses.size).toBe(240);
  for (const address of addresses) expect(address).toMatch(/^203\.0\.113\.(?:[1-9]\d|1\d\d|2[0-4]\d)$/);
});

test('a new user has an unassigned number and a long password', () => {
  const { mobile, password } = newDemoUser();
  expect(mobile).toMatch(/^\+999\d{9}$/);
  expect(password).toMatch(/^[\da-f]{24}$/);
  expect(formatMobile(mobile)).toMatch(/^\+999 \d{3} \d{3} \d{3}$/);
});
