import { beforeEach, expect, test } from 'vitest';
import type { AlertFragment } from '../gql/graphql';
import { alertOf } from '../live/testing';
import { AlertStream, type StreamRequest, type StreamSink } from './alert-stream';

const refused = (sequence: number) => alertOf(sequence, 'LOGIN_REFUSED');

/** What a subscription brings. */
const alert = (sequence: number) => ({ data: { sessionAlerts: refused(sequence) } });

let sockets: { request: StreamRequest; sink: StreamSink; closed: boolean }[];
let waiting: { run: () => void; milliseconds: number }[];
let heard: string[];
let states: string[];
/** Oldest first; `null` where it may not be read. */
let log: AlertFragment[] | null;
let logFails: boolean;

/** What follows from an alert. */
let onAlert: () => void;

/** A stream from `after`, and without it from the log's newest. */
function stream(...[after]: [after?: string | null]) {
  return new AlertStream(
    {
      connect: (request, sink) => {
        const socket = { request, sink, closed: false };
        sockets.push(socket);
        return () => (socket.closed = true);
      },
      readLog: async (count) => {
        if (logFails) throw new Error('The server gave no answer.');
        return log?.toReversed().slice(0, count) ?? null;
      },
      ...(after === undefined ? {} : { after }),
    },
    {
      alert: ({ id }, replayed) => {
        heard.push(replayed ? `${id} replayed` : id);
        onAlert();
      },
      state: (state, why) => states.push(why ? `${state}: ${why}` : state),
    },
    { set: (run, milliseconds) => waiting.push({ run, milliseconds }), clear: () => waiting.pop() },
  );
}

/** Until the log has been read. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  sockets = [];
  waiting = [];
  heard = [];
  states = [];
  log = [];
  logFails = false;
  onAlert = () => undefined;
});

test('after a pause of its own it goes on after the last alert heard, and what the log had then was missed', async () => {
  const alerts = stream('alert-1');
  alerts.open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(2));
  alerts.stop();
  expect(sockets[0]?.closed).toBe(true);
  log = [refused(1), refused(2), refused(3)];
  alerts.open();
  await settled();
  expect(sockets[1]?.request.variables).toEqual({ after: 'alert-2' });
  sockets[1]?.sink.next(alert(3));
  sockets[1]?.sink.next(alert(4));
  expect(heard).toEqual(['alert-2', 'alert-3 replayed', 'alert-4']);
});

test('it goes on from the log’s newest, and nothing before it was missed', async () => {
  log = [refused(1), refused(2)];
  stream().open();
  expect(sockets).toEqual([]);
  await settled();
  expect(sockets[0]?.request.variables).toEqual({ after: 'alert-2' });
  sockets[0]?.sink.next(alert(3));
  expect(heard).toEqual(['alert-3']);
});

test('with nothing to go on from it is not open before the log was read again', async () => {
  stream(null).open();
  log = [refused(1)];
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(2));
  expect([states, heard]).toEqual([['connecting'], []]);
  await settled();
  expect([states, heard]).toEqual([
    ['connecting', 'open'],
    ['alert-1', 'alert-2'],
  ]);
});

test('what was raised before the server joined the first subscription is heard before what came after', async () => {
  stream(null).open();
  sockets[0]?.sink.opened();
  await settled();
  log = [refused(1), refused(2)];
  sockets[0]?.sink.next(alert(2));
  sockets[0]?.sink.next(alert(3));
  sockets[0]?.sink.complete();
  expect([states.at(-1), heard]).toEqual(['open', []]);
  await settled();
  expect([states.at(-1), heard]).toEqual(['completed', ['alert-1', 'alert-2', 'alert-3']]);
});

test('cut off before its first alert, it hears what the log has, and goes on from there', async () => {
  const alerts = stream(null);
  alerts.open();
  alerts.stop();
  log = [refused(1), refused(2)];
  alerts.open();
  await settled();
  expect(heard).toEqual(['alert-1 replayed', 'alert-2 replayed']);
  expect(sockets[1]?.request.variables).toEqual({ after: 'alert-2' });
});

test('a log that may not be read keeps it from nothing', async () => {
  log = null;
  stream().open();
  await settled();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.next(alert(7));
  expect([states, heard]).toEqual([['connecting', 'open'], ['alert-7']]);
});

test('a log that cannot be read now is tried again', async () => {
  logFails = true;
  stream().open();
  await settled();
  expect([states.at(-1), sockets]).toEqual(['lost: The server gave no answer.', []]);
  logFails = false;
  log = [refused(1)];
  waiting.pop()?.run();
  await settled();
  expect(sockets[0]?.request.variables).toEqual({ after: 'alert-1' });
  sockets[0]?.sink.next(alert(2));
  expect(heard).toEqual(['alert-2']);
});

test('closed while it reads the log, it opens nothing', async () => {
  const alerts = stream();
  alerts.open();
  alerts.stop();
  await settled();
  expect(sockets).toEqual([]);
});

test('closed over what the log has, it does not say that it is open', async () => {
  const alerts = stream(null);
  onAlert = () => alerts.stop();
  alerts.open();
  log = [refused(1)];
  sockets[0]?.sink.opened();
  await settled();
  expect([states, heard]).toEqual([['connecting'], ['alert-1']]);
});

test('a broken socket is tried again, each time after a longer pause', async () => {
  stream('alert-1').open();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  waiting.pop()?.run();
  await settled();
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
  stream('alert-1').open();
  sockets[0]?.sink.error(failure);
  expect(states.at(-1)).toBe(state);
  expect(waiting).toEqual([]);
});

test('the end of the session completes it, and nothing is tried again', () => {
  stream('alert-1').open();
  sockets[0]?.sink.opened();
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting', 'open', 'completed']);
  expect(waiting).toEqual([]);
});

test('closed on purpose, it reports no failure', () => {
  const alerts = stream('alert-1');
  alerts.open();
  alerts.stop();
  sockets[0]?.sink.error({ code: 1006, reason: '' });
  sockets[0]?.sink.complete();
  expect(states).toEqual(['connecting']);
});
