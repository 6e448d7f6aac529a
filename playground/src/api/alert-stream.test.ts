import { beforeEach, expect, test } from 'vitest';
import { AlertStream, type StreamRequest, type StreamSink } from './alert-stream';
import { alertOf } from './testing';

/** A result of the subscription. */
const alert = (sequence: number) => ({ data: { sessionAlerts: alertOf(sequence, 'LOGIN_REFUSED') } });

let sockets: { request: StreamRequest; sink: StreamSink; closed: boolean }[];
let timers: { run: () => void; milliseconds: number }[];
let received: string[];
let states: string[];
/** The number of the log's newest alert. */
let newest: number;

function openStream(after = 'alert-0') {
  const stream = new AlertStream(
    {
      connect: (request, sink) => {
        const socket = { request, sink, closed: false };
        sockets.push(socket);
        return () => (socket.closed = true);
      },
      newestSequence: async () => newest,
      after,
    },
    {
      alert: ({ id }, replayed) => received.push(replayed ? `${id} replayed` : id),
      state: (state, reason) => states.push(reason ? `${state}: ${reason}` : state),
    },
    { set: (run, milliseconds) => timers.push({ run, milliseconds }), clear: () => timers.pop() },
  );
  stream.open();
  return stream;
}

/** Waits until the newest alert has been read. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  sockets = [];
  timers = [];
  received = [];
  states = [];
  newest = 0;
});

test('a new stream starts at the cursor, and does not mark the first alerts as replayed', () => {
  newest = 3;
  openStream('alert-2');
  expect(sockets[0]?.request.variables).toEqual({ after: 'alert-2' });
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(3));
  expect([states, received]).toEqual([['connecting', 'open'], ['alert-3']]);
});

test('a stream that is opened again continues after its last alert, and marks the alerts raised meanwhile', async () => {
  const stream = openStream('alert-1');
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(2));
  stream.stop();
  expect(sockets[0]?.closed).toBe(true);
  newest = 3;
  stream.open();
  await settled();
  expect(sockets[1]?.request.variables).toEqual({ after: 'alert-2' });
  sockets[1]?.sink.next(alert(3));
  sockets[1]?.sink.next(alert(4));
  expect(received).toEqual(['alert-2', 'alert-3 replayed', 'alert-4']);
});

test('a stream that is stopped before its first alert starts at the cursor again', async () => {
  const stream = openStream();
  stream.stop();
  newest = 2;
  stream.open();
  await settled();
  expect(sockets[1]?.request.variables).toEqual({ after: 'alert-0' });
  sockets[1]?.sink.next(alert(1));
  sockets[1]?.sink.next(alert(2));
  expect(received).toEqual(['alert-1 replayed', 'alert-2 replayed']);
});

test('a stream that is stopped while it reads the newest alert opens no socket', async () => {
  const stream = openStream();
  stream.stop();
  stream.open();
  stream.stop();
  await settled();
  expect(sockets).toHaveLength(1);
});

test('a broken socket is retried, each time after a longer pause', async () => {
  openStream();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  timers.pop()?.run();
  await settled();
  sockets[1]?.sink.error({ code: 1001, reason: 'Going away' });
  expect(timers.map(({ milliseconds }) => milliseconds)).toEqual([1_000]);
  expect(states).toEqual([
    'connecting',
    'lost: The WebSocket connection failed.',
    'connecting',
    'lost: The server closed the WebSocket: 1001 Going away',
  ]);
});

test.each([
  [[{ message: 'Log in first.' }], 'refused: Log in first.'],
  [{ code: 4403, reason: 'Forbidden' }, 'refused: The server closed the WebSocket: 4403 Forbidden'],
])('%o is final', (failure, state) => {
  openStream();
  sockets[0]?.sink.error(failure);
  expect(states.at(-1)).toBe(state);
  expect(timers).toEqual([]);
});

test('the end of the session completes the stream, and the stream does not retry', () => {
  openStream();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting', 'open', 'completed']);
  expect(timers).toEqual([]);
});

test('a stream that is stopped on purpose reports no failure', () => {
  const stream = openStream();
  stream.stop();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting']);
});
