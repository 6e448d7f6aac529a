import { beforeEach, expect, test } from 'vitest';
import type { AlertFragment } from '../gql/graphql';
import { AlertStream, type StreamRequest, type StreamSink } from './alert-stream';

const past = '2020-01-01T00:00:00.000Z';
const future = '2999-01-01T00:00:00.000Z';

function alert(sequence: number, createdAt: string): { data: { sessionAlerts: AlertFragment } } {
  const session = { sessionKey: 's' };
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

beforeEach(() => {
  sockets = [];
  waiting = [];
  heard = [];
  states = [];
});

test('after a pause of its own it goes on after the last alert heard', () => {
  const alerts = stream();
  alerts.open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(1, future));
  alerts.stop();
  expect(sockets[0]?.closed).toBe(true);
  alerts.open();
  expect(sockets[1]?.request.variables).toEqual({ after: 'a1' });
  sockets[1]?.sink.next(alert(2, past));
  sockets[1]?.sink.next(alert(3, future));
  expect(heard).toEqual(['a1', 'a2 replayed', 'a3']);
});

test('what was raised before it has been cut off once was not missed', () => {
  const alerts = stream();
  alerts.open();
  sockets[0]?.sink.next(alert(1, past));
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  waiting.pop()?.run();
  sockets[1]?.sink.next(alert(2, past));
  expect(heard).toEqual(['a1', 'a2 replayed']);
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
