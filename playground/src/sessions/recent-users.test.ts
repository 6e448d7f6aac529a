import { expect, test } from 'vitest';
import { parseRecentUsers, withRecentUser } from './recent-users';

const user = (number: number) => ({ mobile: `+9991${number}`, username: 'SavingsBank' });

test('a user is listed once, the latest first, and the oldest is dropped', () => {
  let users = withRecentUser([], user(0));
  for (let number = 1; number < 10; number += 1) users = withRecentUser(users, user(number));
  users = withRecentUser(users, user(5));
  expect(users.map(({ mobile }) => mobile.slice(-1)).join('')).toBe('59876432');
});

test.each([null, '', '{', '{}', '[1]', '[null]', '[{"mobile":"+9991"}]'])('%j is no list of users', (text) => {
  expect(parseRecentUsers(text)).toEqual([]);
});

test('a stored list is read back', () => {
  expect(parseRecentUsers(JSON.stringify([user(1)]))).toEqual([user(1)]);
});
