import { beforeEach, expect, test } from 'vitest';
import { nameOf } from '../api/document';
import type { GraphQLResponse } from '../api/post';
import { alertOf, FakeSocket } from '../api/testing';
import type { Backend } from './backend';
import { Demo } from './demo';

let sent: { name: string; variables: unknown; secret: string | null }[];
let responses: Record<string, GraphQLResponse<unknown>[]>;
let sockets: FakeSocket[];
let demo: Demo;

const backend: Backend = {
  post: async (document, variables, secret) => {
    const name = nameOf(String(document));
    sent.push({ name, variables, secret });
    const response = responses[name]?.shift();
    if (!response) throw new Error(`no response is left for ${name}`);
    return response as GraphQLResponse<never>;
  },
  listen: (secret, options) => {
    const socket = new FakeSocket(secret, options);
    sockets.push(socket);
    return socket;
  },
};

const session = (sessionKey: string, status = 'ACTIVE') => ({
  sessionKey,
  status,
  expiresAt: '2999-01-01T00:00:00.000Z',
  device: { label: 'Safari 18 on iPhone' },
  ipAddress: '203.0.113.10',
});

const loggedIn = (alertCursor: string, outcome = 'LOGGED_IN', status = 'ACTIVE') => ({
  data: {
    login: { outcome, message: 'In', token: 'token-2', user: { alertCursor }, session: session('second', status) },
  },
});

const ended = {
  data: { currentSession: { ...session('first', 'ENDED'), isValid: false, endReason: 'REPLACED', endedBy: null } },
};

/** A response to `NewestAlert`. */
const newest = (...sequences: number[]) => ({
  data: { currentSession: { user: { alerts: { nodes: sequences.map((sequence) => ({ sequence })) } } } },
});

const phone = (id: 1 | 2) => demo.store.read().phones[id];

/** Waits until every response has been processed. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  sent = [];
  sockets = [];
  const user = { alertCursor: 'alert-0' };
  responses = {
    SignUp: [{ data: { createUser: { message: 'Created', token: 'token-1', user, session: session('first') } } }],
  };
});

function begin(isService: boolean) {
  demo = new Demo(backend, { secret: isService ? 'key' : null, isService, asksToSignUp: false });
  return demo.signUp(1);
}

test('as the service, it sends addresses and no password, and follows every alert', async () => {
  await begin(true);
  expect(sent[0]).toMatchObject({ secret: 'key', variables: { input: { ipAddress: '203.0.113.10' } } });
  expect(sent[0]?.variables).not.toHaveProperty('input.password');
  expect(sockets.map(({ secret }) => secret)).toEqual(['key', 'token-1']);
  expect(sockets[0]?.variables).toEqual({ mobile: demo.store.read().user.mobile, after: 'alert-0' });
});

test('as an anonymous caller, it sends the password and no address, and follows only its phones’ alerts', async () => {
  await begin(false);
  expect(sent[0]?.variables).toHaveProperty('input.password');
  expect(sent[0]?.variables).not.toHaveProperty('input.ipAddress');
  expect(sockets.map(({ secret }) => secret)).toEqual(['token-1']);
});

test('after a change of the credential, it follows every alert after the last one', async () => {
  await begin(true);
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'LOGIN_REFUSED') } });
  demo.setCaller({ secret: 'other-key', isService: true, asksToSignUp: false });
  expect(sockets[0]?.closed).toBe(true);
  expect(sockets[2]).toMatchObject({ secret: 'other-key', variables: { after: 'alert-1' } });
});

test('the end of a session is checked once, although an alert and the end of the stream report it', async () => {
  await begin(false);
  responses.CurrentSession = [ended];
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'SESSION_REPLACED') } });
  sockets[0]?.sink.complete();
  await settled();
  expect(phone(1)).toMatchObject({ stage: 'ended', endReason: 'REPLACED', stream: 'completed', token: 'token-1' });
  expect(sent.filter(({ name }) => name === 'CurrentSession')).toEqual([
    { name: 'CurrentSession', variables: {}, secret: 'token-1' },
  ]);
});

test('an ended session still receives the end of its stream', async () => {
  await begin(false);
  responses.CurrentSession = [ended];
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'SESSION_REPLACED') } });
  await settled();
  expect(phone(1)).toMatchObject({ stage: 'ended', stream: 'connecting' });
  sockets[0]?.sink.complete();
  await settled();
  expect(phone(1).stream).toBe('completed');
  expect(sent.filter(({ name }) => name === 'CurrentSession')).toHaveLength(1);
});

test('a session that ended while the phone was disconnected does not reconnect', async () => {
  await begin(false);
  demo.disconnect(1);
  responses.CurrentSession = [ended];
  await demo.check(1, true);
  expect(phone(1)).toMatchObject({ stage: 'ended', stream: 'off' });
});

test('an alert about another session does not cause a check', async () => {
  await begin(false);
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'LOGIN_NOT_APPROVED', 'second') } });
  await settled();
  expect(phone(1).stage).toBe('active');
  expect(phone(1).received).toHaveLength(1);
});

test('a phone that disconnects before its first alert receives the alerts since its login as replayed', async () => {
  await begin(false);
  demo.disconnect(1);
  expect(sockets[0]?.closed).toBe(true);
  responses.NewestAlert = [newest(2)];
  demo.reconnect(1);
  await settled();
  expect(sent.at(-1)).toEqual({ name: 'NewestAlert', variables: {}, secret: 'token-1' });
  expect(sockets[1]?.variables).toEqual({ after: 'alert-0' });
  for (const sequence of [1, 2, 3]) {
    sockets[1]?.sink.next({ data: { sessionAlerts: alertOf(sequence, 'LOGIN_REFUSED') } });
  }
  expect(phone(1).received.map(({ alert, replayed }) => [alert.sequence, replayed])).toEqual([
    [3, false],
    [2, true],
    [1, true],
  ]);
});

test('a phone starts at the end of the log at its login, and again if it reconnects before its first alert', async () => {
  await begin(false);
  responses.LogIn = [loggedIn('alert-4')];
  await demo.logIn(2);
  expect(sockets[1]).toMatchObject({ secret: 'token-2', variables: { after: 'alert-4' } });
  demo.disconnect(2);
  responses.NewestAlert = [newest(4)];
  demo.reconnect(2);
  await settled();
  expect(sockets[2]).toMatchObject({ secret: 'token-2', variables: { after: 'alert-4' } });
  expect(phone(2).received).toEqual([]);
});

test('a phone reconnects even if the newest alert cannot be read', async () => {
  await begin(false);
  demo.disconnect(1);
  responses.NewestAlert = [{ errors: [{ message: 'The server did not respond.' }] }];
  demo.reconnect(1);
  await settled();
  sockets[1]?.sink.next({ data: { sessionAlerts: alertOf(1, 'LOGIN_REFUSED') } });
  expect(phone(1).received).toMatchObject([{ replayed: false }]);
});

test('a phone becomes active after its approval', async () => {
  await begin(false);
  responses.LogIn = [loggedIn('alert-1', 'AWAITING_APPROVAL', 'PENDING')];
  await demo.logIn(2);
  expect(phone(2).stage).toBe('pending');
  responses.CurrentSession = [{ data: { currentSession: { ...session('second'), isValid: true, endReason: null } } }];
  sockets[1]?.sink.next({ data: { sessionAlerts: alertOf(3, 'LOGIN_APPROVED', 'second') } });
  await settled();
  expect(phone(2).received.map(({ alert }) => alert.sequence)).toEqual([3]);
  expect(phone(2).stage).toBe('active');
});

test('a phone that is approved while disconnected receives the alerts since its login as replayed', async () => {
  await begin(false);
  responses.LogIn = [loggedIn('alert-2', 'AWAITING_APPROVAL', 'PENDING')];
  await demo.logIn(2);
  demo.disconnect(2);
  responses.NewestAlert = [newest(3)];
  responses.CurrentSession = [{ data: { currentSession: { ...session('second'), isValid: true, endReason: null } } }];
  demo.reconnect(2);
  await settled();
  expect(sockets[2]?.variables).toEqual({ after: 'alert-2' });
  sockets[2]?.sink.next({ data: { sessionAlerts: alertOf(3, 'LOGIN_APPROVED', 'second') } });
  await settled();
  expect(phone(2).received.map(({ alert, replayed }) => [alert.sequence, replayed])).toEqual([[3, true]]);
});

test('a pending login shows when it expires, until the phone has decided', async () => {
  await begin(false);
  const pending = { status: 'PENDING', expiresAt: '2999-01-01T00:02:00.000Z' };
  responses.PendingLogin = [{ data: { user: { sessions: { nodes: [pending, { ...pending, status: 'ACTIVE' }] } } } }];
  const alert = alertOf(1, 'LOGIN_PENDING');
  sockets[0]?.sink.next({ data: { sessionAlerts: alert } });
  await settled();
  expect(phone(1).received[0]?.waitsUntil).toBe(pending.expiresAt);
  responses.DecideLogin = [{ data: { decideLogin: { message: 'Denied', session: session('second', 'ENDED') } } }];
  await demo.decide(1, alert, 'DENY');
  expect(sent.at(-1)).toEqual({
    name: 'DecideLogin',
    variables: { input: { attemptId: 'attempt-1', decision: 'DENY' } },
    secret: 'token-1',
  });
  expect(phone(1).received[0]).toMatchObject({ decision: 'DENY', waitsUntil: null });
});

test('a login that fails shows the error, and leaves the phone as it was', async () => {
  await begin(false);
  responses.LogIn = [{ errors: [{ message: 'Wait a minute.' }] }];
  await demo.logIn(2);
  expect(phone(2)).toMatchObject({ stage: 'none', token: null, message: { text: 'Wait a minute.', tone: 'bad' } });
  expect(demo.store.read().timeline.at(-1)).toMatchObject({ type: 'request', from: 2, outcome: 'Wait a minute.' });
});

test('a restarted demo has another user, and every earlier stream is closed', async () => {
  await begin(true);
  const { mobile } = demo.store.read().user;
  demo.startOver();
  expect(sockets.every(({ closed }) => closed)).toBe(true);
  expect(demo.store.read()).toMatchObject({ registered: false, timeline: [] });
  expect(demo.store.read().user.mobile).not.toBe(mobile);
});

test('if the store may hold real users, it asks before it registers a demo user', async () => {
  demo = new Demo(backend, { secret: null, isService: false, asksToSignUp: true });
  await demo.signUp(2);
  expect(demo.store.read().asksToSignUp).toBe(2);
  demo.cancelSignUp();
  await demo.confirmSignUp();
  expect(sent).toEqual([]);
  await demo.signUp(2);
  await demo.confirmSignUp();
  expect(demo.store.read().asksToSignUp).toBeNull();
  expect(sent).toMatchObject([{ name: 'SignUp' }]);
  expect(phone(2).stage).toBe('active');
  // The user of the next run is asked for again.
  demo.startOver();
  await demo.signUp(1);
  expect(demo.store.read().asksToSignUp).toBe(1);
  expect(sent).toHaveLength(1);
});

test('a stranger tries to log in under the chosen policy', async () => {
  await begin(true);
  demo.setPolicy('ASK');
  responses.LogIn = [loggedIn('alert-1', 'AWAITING_APPROVAL', 'PENDING')];
  await demo.logInAsStranger();
  expect(sent.at(-1)).toMatchObject({ name: 'LogIn', variables: { input: { onConflict: 'ASK' } } });
  expect(demo.store.read().timeline.at(-1)).toMatchObject({ from: 'stranger', outcome: 'Waiting for approval' });
});

test.each([
  ['a check', 'CurrentSession', () => demo.check(1, true)],
  ['a log-out', 'EndSession', () => demo.logOut(1)],
])('%s without a response is reported on the phone', async (_, name, act) => {
  await begin(false);
  responses[name] = [{ errors: [{ message: 'The server did not respond.' }] }];
  await act();
  expect(phone(1).message).toEqual({ text: 'The server did not respond.', tone: 'bad' });
  expect(phone(1)).toMatchObject({ stage: 'active', busy: false });
});

test('the requests of the phone that the visitor used last are in view', async () => {
  await begin(false);
  responses.LogIn = [loggedIn('alert-4')];
  await demo.logIn(2);
  expect(demo.store.read().requestsOf).toBe(2);
  responses.CurrentSession = [ended];
  await demo.check(1, false);
  expect(demo.store.read().requestsOf).toBe(2);
});
