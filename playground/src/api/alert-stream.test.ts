import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AlertFragment } from '../gql/graphql';
import { AlertStream, type StreamRequest, type StreamSink } from './alert-stream';
import { serverClock } from './clock';

/** What time it is, in seconds of a minute. */
const at = (second: number) => Date.UTC(2026, 0, 1, 0, 0, second);
const now = (second: number) => vi.spyOn(serverClock, 'now').mockReturnValue(at(second));

/** An alert that was raised in that second. */
function alert(sequence: number, second: number): { data: { sessionAlerts: AlertFragment } } {
  const session = { sessionKey: 's' };
  const createdAt = new Date(at(second)).toISOString();
  return {
    data: {
      sessionAlerts: { id: `a${sequence}`, sequence, kind: 'LOGIN_REFUSED', message: '', createdAt, session, attempt: null },
    },
  };
}

let sockets: { request: StreamRequest; sink: StreamSink; closed: boolean }[];
let waiting: { run: () => void; milliseconds: number }[];
let heard: string[];
let states: string[];

function stream() {
  return new AlertStream(
    (request, sink) => {
      const socket = { request, sink, closed: false };
      sockets.push(socket);
      return () => (socket.closed = true);
    },
    {
      alert: ({ id }, replayed) => heard.push(replayed ? `${id} replayed` : id),
      state: (state, why) => states.push(why ? `${state}: ${why}` : state),
    },
    null,
    null,
    { set: (run, milliseconds) => waiting.push({ run, milliseconds }), clear: () => waiting.pop() },
  );
}

afterEach(() => void vi.restoreAllMocks());

beforeEach(() => {
  now(0);
  sockets = [];
  waiting = [];
  heard = [];
  states = [];
});

test('after a pause of its own it goes on after the last alert heard', () => {
  const alerts = stream();
  alerts.open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(1, 1));
  now(10);
  alerts.stop();
  expect(sockets[0]?.closed).toBe(true);
  now(20);
  alerts.open();
  expect(sockets[1]?.request.variables).toEqual({ after: 'a1' });
  sockets[1]?.sink.next(alert(2, 11));
  sockets[1]?.sink.next(alert(3, 20));
  expect(heard).toEqual(['a1', 'a2 replayed', 'a3']);
});

test('what was raised before it was cut off was not missed, though it might be heard only now', () => {
  const alerts = stream();
  now(10);
  alerts.open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(1, 5));
  now(20);
  alerts.stop();
  now(30);
  alerts.open();
  sockets[1]?.sink.opened();
  sockets[1]?.sink.next(alert(2, 15));
  sockets[1]?.sink.next(alert(3, 25));
  now(40);
  alerts.stop();
  now(50);
  alerts.open();
  sockets[2]?.sink.next(alert(4, 35));
  sockets[2]?.sink.next(alert(5, 45));
  expect(heard).toEqual(['a1', 'a2', 'a3 replayed', 'a4', 'a5 replayed']);
});

test('a socket that broke may have been deaf since it was opened, and a try that failed makes the cut no shorter', () => {
  const alerts = stream();
  now(10);
  alerts.open();
  sockets[0]?.sink.opened();
  now(20);
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  now(30);
  waiting.pop()?.run();
  sockets[1]?.sink.error({ code: 1006, reason: '' });
  now(40);
  waiting.pop()?.run();
  sockets[2]?.sink.next(alert(1, 15));
  sockets[2]?.sink.next(alert(2, 25));
  sockets[2]?.sink.next(alert(3, 40));
  expect(heard).toEqual(['a1 replayed', 'a2 replayed', 'a3']);
});

test('a broken socket is tried again, each time after a longer pause', () => {
  const alerts = stream();
  alerts.open();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  waiting.pop()?.run();
  sockets[1]?.sink.error({ code: 1001, reason: 'Going away' });
  expect(waiting.map(({ milliseconds }) => milliseconds)).toEqual([1_000]);
  expect(states).toEqual([
    'connecting',
    'lost: The WebSocket could not be opened, or broke off.',
    'connecting',
    'lost: The server closed the WebSocket: 1001 Going away',
  ]);
});

test.each([
  [[{ message: 'Log in first.' }], 'refused: Log in first.'],
  [{ code: 4403, reason: 'Forbidden' }, 'refused: The server closed the WebSocket: 4403 Forbidden'],
])('%o is final', (failure, state) => {
  stream().open();
  sockets[0]?.sink.error(failure);
  expect(states.at(-1)).toBe(state);
  expect(waiting).toEqual([]);
});

test('the end of the session completes it, and nothing is tried again', () => {
  stream().open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting', 'open', 'completed']);
  expect(waiting).toEqual([]);
});

test('closed on purpose, it reports no failure', () => {
  const alerts = stream();
  alerts.open();
  alerts.stop();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting']);
});
