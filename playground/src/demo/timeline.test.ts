import { expect, test } from 'vitest';
import { alertOf } from '../api/testing';
import { type Entry, MAX_TIMELINE_ENTRIES, withAlertEntry, withEntry } from './timeline';

const alert = alertOf(1, 'LOGIN_REFUSED');

const request = (sentAt: number): Entry => ({
  id: 1,
  at: 0,
  type: 'request',
  from: 2,
  text: 'tries to log in',
  outcome: '',
  tone: 'plain',
  sentAt,
});

const note = (id: number, phone: 1 | 2, failures: number): Entry => ({
  id,
  at: id,
  type: 'note',
  phone,
  text: `note ${id}`,
  tone: 'plain',
  failures,
});

const addAll = (entries: Entry[]) => entries.reduce<readonly Entry[]>(withEntry, []);

test('an alert has one entry, with every phone that received it', () => {
  let timeline: readonly Entry[] = [];
  timeline = withAlertEntry(timeline, alert, null, { id: 1, now: 0 });
  timeline = withAlertEntry(timeline, alert, { phone: 1, how: 'replayed' }, { id: 2, now: 0 });
  timeline = withAlertEntry(timeline, alert, { phone: 2, how: 'live' }, { id: 3, now: 0 });
  timeline = withAlertEntry(timeline, alert, { phone: 2, how: 'replayed' }, { id: 4, now: 0 });
  expect(timeline).toMatchObject([{ id: 1, receivedBy: { 1: { how: 'replayed' }, 2: { how: 'live' } } }]);
  expect(timeline).toHaveLength(1);
});

test.each([
  ['soon after a request', 1003.4, 'live', 3],
  ['in the same millisecond', 1000.1, 'live', 1],
  ['long after a request', 60_000, 'live', null],
  ['after a reconnect', 1003, 'replayed', null],
] as const)('the delay of an alert that arrives %s', (_, now, how, delay) => {
  const timeline = withAlertEntry([request(1000)], alert, { phone: 1, how }, { id: 2, now });
  expect(timeline.at(-1)).toMatchObject({ receivedBy: { 1: { how, delay } } });
});

test('the entries run from the oldest to the newest, and the oldest are dropped', () => {
  const timeline = addAll(Array.from({ length: MAX_TIMELINE_ENTRIES + 5 }, (_, id) => note(id, 1, 0)));
  expect(timeline).toHaveLength(MAX_TIMELINE_ENTRIES);
  expect([timeline[0]?.id, timeline.at(-1)?.id]).toEqual([5, MAX_TIMELINE_ENTRIES + 4]);
});

test('repeated failures of both phones are one entry for each of them, whatever the visitor tries meanwhile', () => {
  const timeline = addAll([note(1, 1, 1), note(2, 2, 1), request(0), note(3, 1, 1), note(4, 2, 1), note(5, 1, 1)]);
  expect(timeline).toMatchObject([
    { id: 1, phone: 1, failures: 3, text: 'note 5' },
    { id: 2, phone: 2, failures: 2, text: 'note 4' },
    { type: 'request' },
  ]);
});

test('a failure after the phone was connected again is an entry of its own', () => {
  expect(addAll([note(1, 1, 1), note(2, 1, 0), note(3, 1, 1)])).toHaveLength(3);
});
