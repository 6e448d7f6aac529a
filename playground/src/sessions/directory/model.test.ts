import { expect, test } from 'vitest';
import {
  type ActiveSession,
  emptyListing,
  type SessionEvent,
  sessionMatches,
  withEvent,
  withNames,
  withSessions,
} from './model';

function session(sessionKey: string, username = 'Ada'): ActiveSession {
  const at = '2026-11-26T10:00:00Z';
  return {
    sessionKey,
    createdAt: at,
    lastSeenAt: at,
    expiresAt: at,
    status: 'ACTIVE',
    device: { label: 'Firefox 145 on Windows' },
    ipAddress: '198.51.100.1',
    user: { id: `user of ${sessionKey}`, mobile: '+999123456789', username },
  };
}

function event(kind: SessionEvent['kind'], key: string): SessionEvent {
  const sessionKey = kind === 'USER_DELETED' ? null : key;
  return { cursor: key, kind, sessionKey, userId: `user of ${key}`, endReason: null, createdAt: '' };
}

const two = withSessions(emptyListing, [session('a'), session('b')], 'end');

test('a session is listed once, also if it was read and announced', () => {
  const { sessions } = withSessions(two, [session('c'), session('b')], 'front');
  expect(sessions.map(({ sessionKey }) => sessionKey)).toEqual(['c', 'a', 'b']);
});

test('a session that has ended in the meantime is not added', () => {
  expect(withSessions(two, [{ ...session('c'), status: 'ENDED' }], 'front')).toBe(two);
});

test('the end of a session and the deletion of its user remove it, and the event names the user', () => {
  const ended = withEvent(two, event('SESSION_ENDED', 'a'));
  expect(ended.sessions.map(({ sessionKey }) => sessionKey)).toEqual(['b']);
  expect(ended.entries[0]?.user?.username).toBe('Ada');
  const deleted = withEvent(ended, event('USER_DELETED', 'b'));
  expect(deleted.sessions).toEqual([]);
  expect(deleted.entries.map(({ event: { kind } }) => kind)).toEqual(['USER_DELETED', 'SESSION_ENDED']);
});

test('a new session names the user of its event once it has been read', () => {
  const active = withEvent(two, event('SESSION_ACTIVE', 'c'));
  expect(active.entries[0]?.user).toBeNull();
  expect(withNames(withSessions(active, [session('c', 'Grace')], 'front')).entries[0]?.user?.username).toBe('Grace');
});

test('the list of events has a bound', () => {
  let listing = two;
  for (let count = 0; count < 50; count += 1) listing = withEvent(listing, event('SESSION_ACTIVE', `${count}`));
  expect(listing.entries.length).toBe(20);
  expect(listing.entries[0]?.event.sessionKey).toBe('49');
});

test('a filter finds a name, a number with spaces, a device and an address', () => {
  for (const filter of ['', ' ', 'ada', 'AD', '+999 123', '456789', 'firefox', '198.51'])
    expect(sessionMatches(filter, session('a'))).toBe(true);
  expect(sessionMatches('grace', session('a'))).toBe(false);
});
