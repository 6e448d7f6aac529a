import { expect, test } from 'vitest';
import { ServerClock } from './clock';

const local = Date.parse('2026-01-02T03:04:05.600Z');

test('a server that is five minutes ahead is believed', () => {
  const clock = new ServerClock(() => local);
  clock.learn('Fri, 02 Jan 2026 03:09:05 GMT', local);
  expect(clock.until('2026-01-02T03:09:35.000Z')).toBe(30_000);
});

test('the part of a second that a header leaves out is no difference', () => {
  const clock = new ServerClock(() => local);
  clock.learn('Fri, 02 Jan 2026 03:04:05 GMT', local);
  expect(clock.now()).toBe(local);
});

test('a server that is five minutes behind is believed', () => {
  const clock = new ServerClock(() => local);
  clock.learn('Fri, 02 Jan 2026 02:59:05 GMT', local);
  expect(clock.now()).toBe(Date.parse('2026-01-02T02:59:05.000Z'));
});

test('an answer that was long on its way makes no server that is behind', () => {
  const clock = new ServerClock(() => local);
  clock.learn('Fri, 02 Jan 2026 03:03:05 GMT', local - 61_000);
  expect(clock.now()).toBe(local);
});

test.each([null, 'yesterday'])('%s teaches nothing', (date) => {
  const clock = new ServerClock(() => local);
  clock.learn('Fri, 02 Jan 2026 03:09:05 GMT', local);
  const before = clock.now();
  clock.learn(date, local);
  expect(clock.now()).toBe(before);
});

test('what has passed is no time away', () => {
  expect(new ServerClock(() => local).until('2026-01-02T03:04:05.000Z')).toBe(0);
});
