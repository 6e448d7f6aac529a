import { expect, test, vi } from 'vitest';
import { badge, EventLog, longestLog } from './event-log';

test('each answer is kept with its number and time', () => {
  let now = 100;
  const log = new EventLog(() => now++);
  const run = log.start('SessionAlerts', 'Device 1', null, () => undefined);
  log.add(run, 'connected', null);
  log.add(run, 'event', { data: 1 });
  log.add(run, 'error', { errors: [] });
  expect(log.read().events.map(({ status, number, at }) => [status, number, at])).toEqual([
    ['error', 2, 103],
    ['event', 1, 102],
    ['connected', null, 101],
    ['started', null, 100],
  ]);
  expect(log.read().runs[0]?.count).toBe(2);
});

test('what comes after the end is not logged', () => {
  const stop = vi.fn();
  const log = new EventLog();
  const run = log.start('A', 'anyone', null, stop);
  log.stop(run);
  log.add(run, 'event', null);
  log.stop(run);
  expect(stop).toHaveBeenCalledOnce();
  expect(log.read().events.map(({ status }) => status)).toEqual(['stopped', 'started']);
});

test('a tab’s next subscription takes the place of the one that runs, and of no other tab’s', () => {
  const stop = vi.fn();
  const log = new EventLog();
  const first = log.start('A', 'anyone', 'tab-1', stop);
  log.add(first, 'connected', null);
  log.start('B', 'anyone', 'tab-2', stop);
  log.start('C', 'anyone', null, stop);
  expect(stop).not.toHaveBeenCalled();
  log.start('A', 'anyone', 'tab-1', stop);
  expect(stop).toHaveBeenCalledOnce();
  expect(log.read().runs.map(({ name, state }) => [name, state])).toEqual([
    ['A', 'connecting'],
    ['C', 'connecting'],
    ['B', 'connecting'],
    ['A', 'stopped'],
  ]);
});

test('the log is bounded', () => {
  const log = new EventLog();
  const run = log.start('A', 'anyone', null, () => undefined);
  for (let count = 0; count < longestLog + 5; count += 1) log.add(run, 'event', count);
  expect(log.read().events).toHaveLength(longestLog);
  expect(log.read().events[0]?.number).toBe(longestLog + 5);
});

test('the badge tells of what runs, and of the last failure', () => {
  const log = new EventLog();
  expect(badge(log.read()).says).toBe('No subscription');
  const first = log.start('A', 'anyone', null, () => undefined);
  expect(badge(log.read()).says).toBe('Connecting');
  log.add(first, 'connected', null);
  const second = log.start('B', 'anyone', null, () => undefined);
  log.add(second, 'failed', '4401 Unauthorized');
  expect(badge(log.read()).says).toBe('Connected, 1 running');
  log.add(first, 'completed', null);
  expect(badge(log.read()).says).toBe('Connection failed');
  log.clear();
  expect(badge(log.read()).says).toBe('No subscription');
});
