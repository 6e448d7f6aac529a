import { expect, test } from 'vitest';
import { ServerClock } from './clock';

const local = Date.parse('2026-01-02T03:04:05.600Z');

test('a server clock that is five minutes ahead is followed', () => {
  const clock = new ServerClock(() => local);
  clock.update('Fri, 02 Jan 2026 03:09:05 GMT', local);
  expect(clock.until('2026-01-02T03:09:35.000Z')).toBe(30_000);
});

test('the fraction of a second that the header omits is not counted as skew', () => {
  const clock = new ServerClock(() => local);
  clock.update('Fri, 02 Jan 2026 03:04:05 GMT', local);
  expect(clock.now()).toBe(local);
});

test('a server clock that is five minutes behind is followed', () => {
  const clock = new ServerClock(() => local);
  clock.update('Fri, 02 Jan 2026 02:59:05 GMT', local);
  expect(clock.now()).toBe(Date.parse('2026-01-02T02:59:05.000Z'));
});

test('a slow response does not count as a clock that is behind', () => {
  const clock = new ServerClock(() => local);
  clock.update('Fri, 02 Jan 2026 03:03:05 GMT', local - 61_000);
  expect(clock.now()).toBe(local);
});

test.each([null, 'yesterday'])('the header %s changes nothing', (date) => {
  const clock = new ServerClock(() => local);
  clock.update('Fri, 02 Jan 2026 03:09:05 GMT', local);
  const before = clock.now();
  clock.update(date, local);
  expect(clock.now()).toBe(before);
});

test('an instant that has passed is 0 milliseconds away', () => {
  expect(new ServerClock(() => local).until('2026-01-02T03:04:05.000Z')).toBe(0);
});
