import { expect, test, vi } from 'vitest';
import { badge, EventLog, MAX_EVENTS } from './event-log';

test('each result is kept with its number and time', () => {
  let now = 100;
  const log = new EventLog(() => now++);
  const run = log.start('SessionAlerts', 'Device 1', () => undefined);
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

test('events after the end are not logged', () => {
  const stop = vi.fn();
  const log = new EventLog();
  const run = log.start('A', 'Anonymous', stop);
  log.stop(run);
  log.add(run, 'event', null);
  log.stop(run);
  expect(stop).toHaveBeenCalledOnce();
  expect(log.read().events.map(({ status }) => status)).toEqual(['stopped', 'started']);
});

test('the log is bounded', () => {
  const log = new EventLog();
  const run = log.start('A', 'Anonymous', () => undefined);
  for (let count = 0; count < MAX_EVENTS + 5; count += 1) log.add(run, 'event', count);
  expect(log.read().events).toHaveLength(MAX_EVENTS);
  expect(log.read().events[0]?.number).toBe(MAX_EVENTS + 5);
});

test('the badge shows the running subscriptions, and the last failure', () => {
  const log = new EventLog();
  expect(badge(log.read()).label).toBe('No subscription');
  const first = log.start('A', 'Anonymous', () => undefined);
  expect(badge(log.read()).label).toBe('Connecting');
  log.add(first, 'connected', null);
  const second = log.start('B', 'Anonymous', () => undefined);
  log.add(second, 'failed', '4401 Unauthorized');
  expect(badge(log.read()).label).toBe('Connected, 1 running');
  log.add(first, 'completed', null);
  expect(badge(log.read()).label).toBe('Connection failed');
  log.clear();
  expect(badge(log.read()).label).toBe('No subscription');
});
