import { SessiondError } from '@sessiond/client';
import { beforeEach, expect, test } from 'vitest';
import { alertOf, FakeSocket } from '../api/testing';
import { PhoneStream } from './phone-stream';

let sockets: FakeSocket[];
/** Completes each read of the newest alert with the number of that alert. */
let reads: ((sequence: number) => void)[];
let received: string[];
let states: string[];
let subscriptions: string[];

function openStream(after = 'alert-0') {
  const stream = new PhoneStream(
    {
      listen: (options) => {
        const socket = new FakeSocket(null, options);
        sockets.push(socket);
        return socket;
      },
      newestSequence: () => new Promise((resolve) => reads.push(resolve)),
      after,
    },
    {
      subscribed: (position) => subscriptions.push(position),
      alert: ({ id }, replayed) => received.push(replayed ? `${id} replayed` : id),
      state: (state, reason) => states.push(reason ? `${state}: ${reason}` : state),
    },
  );
  stream.open();
  return stream;
}

const send = (socket: number, ...sequences: number[]) => {
  for (const sequence of sequences) {
    sockets[socket]?.sink.next({ data: { sessionAlerts: alertOf(sequence, 'LOGIN_REFUSED') } });
  }
};

const lose = () =>
  sockets[0]?.options.onConnection?.({
    state: 'waiting',
    retryInMs: 500,
    error: new SessiondError('UNREACHABLE', 'The WebSocket connection failed.'),
  });

/** Waits until the newest alert has been read. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  sockets = [];
  reads = [];
  received = [];
  states = [];
  subscriptions = [];
});

test('a new stream starts at the cursor, and does not mark the first alerts as replayed', () => {
  openStream('alert-2');
  expect(sockets[0]?.variables).toEqual({ after: 'alert-2' });
  sockets[0]?.options.onConnection?.({ state: 'open' });
  send(0, 3);
  expect([states, received]).toEqual([['connecting', 'open'], ['alert-3']]);
  expect([subscriptions, reads]).toEqual([['alert-2'], []]);
});

test('a stream that is opened again continues after its last alert, and marks the alerts raised meanwhile', async () => {
  const stream = openStream('alert-1');
  send(0, 2);
  stream.stop();
  expect(sockets[0]?.closed).toBe(true);
  stream.open();
  expect(sockets[1]?.variables).toEqual({ after: 'alert-2' });
  reads[0]?.(3);
  await settled();
  send(1, 3, 4);
  expect(received).toEqual(['alert-2', 'alert-3 replayed', 'alert-4']);
});

test('an alert that arrives before the newest one is known waits for it', async () => {
  const stream = openStream();
  stream.stop();
  stream.open();
  send(1, 1, 2);
  expect(received).toEqual([]);
  reads[0]?.(1);
  await settled();
  expect(received).toEqual(['alert-1 replayed', 'alert-2']);
});

test('a stream that is stopped while an alert waits receives it again', async () => {
  const stream = openStream();
  stream.stop();
  stream.open();
  send(1, 1);
  stream.stop();
  stream.open();
  expect(sockets[2]?.variables).toEqual({ after: 'alert-0' });
  reads[0]?.(1);
  await settled();
  expect(received).toEqual([]);
});

test('after a broken connection, the alerts raised meanwhile are marked too', async () => {
  openStream();
  send(0, 1);
  lose();
  expect(states).toEqual(['connecting', 'lost: The WebSocket connection failed.']);
  sockets[0]?.options.onConnection?.({ state: 'connecting' });
  expect(subscriptions).toEqual(['alert-0', 'alert-1']);
  reads[0]?.(2);
  await settled();
  send(0, 2, 3);
  expect(received).toEqual(['alert-1', 'alert-2 replayed', 'alert-3']);
});

test('of two reads of the newest alert, the one of the last connection counts', async () => {
  openStream();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    lose();
    sockets[0]?.options.onConnection?.({ state: 'connecting' });
  }
  reads[0]?.(0);
  await settled();
  send(0, 1);
  expect(received).toEqual([]);
  reads[1]?.(1);
  await settled();
  expect(received).toEqual(['alert-1 replayed']);
});

test('a refused stream reports the reason, and one that has ended completes after its last alert', () => {
  const error = new SessiondError('UNAUTHENTICATED', 'Log in first.');
  openStream();
  sockets[0]?.options.onEnded?.({ reason: 'EXPIRED', session: null, error });
  expect(states.at(-1)).toBe('refused: Log in first.');
  const stream = openStream();
  stream.stop();
  stream.open();
  send(2, 1);
  sockets[2]?.sink.complete();
  expect([received, states.at(-1)]).toEqual([['alert-1'], 'completed']);
});
