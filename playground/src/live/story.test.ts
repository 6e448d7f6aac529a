import { beforeEach, expect, test } from 'vitest';
import { nameOf } from '../api/document';
import type { Answer } from '../api/post';
import type { Backend } from './backend';
import { Story } from './story';
import { alertOf, type HeldSocket } from './testing';

let sent: { name: string; variables: unknown; secret: string | null }[];
let answers: Record<string, Answer<unknown>[]>;
let sockets: HeldSocket[];
let story: Story;

const backend: Backend = {
  post: async (document, variables, secret) => {
    const name = nameOf(String(document));
    sent.push({ name, variables, secret });
    const answer = answers[name]?.shift() ?? (name === 'LatestAlerts' ? emptyLog : undefined);
    if (!answer) throw new Error(`no answer is left for ${name}`);
    return answer as Answer<never>;
  },
  connect: (secret) => (request, sink) => {
    const socket: HeldSocket = { secret, variables: request.variables, sink, closed: false };
    sockets.push(socket);
    return () => (socket.closed = true);
  },
};

const emptyLog = { data: { user: { alerts: { nodes: [] } } } };

const session = (sessionKey: string, status = 'ACTIVE') => ({
  sessionKey,
  status,
  expiresAt: '2999-01-01T00:00:00.000Z',
  device: { label: 'Safari 18 on iPhone' },
  ipAddress: '203.0.113.10',
});

const ended = { data: { currentSession: { ...session('first', 'ENDED'), isValid: false, endReason: 'REPLACED' } } };

/** Where the log stands at a login. */
const newest = (...ids: string[]) => ({
  data: { currentSession: { user: { alerts: { nodes: ids.map((id) => ({ id })) } } } },
});

const phone = (id: 1 | 2) => story.store.read().phones[id];

const settledOnce = () => Promise.resolve();

/** Until everything that has been answered has had its effect. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  sent = [];
  sockets = [];
  answers = {
    SignUp: [{ data: { createUser: { message: 'Created', token: 'token-1', session: session('first') } } }],
    NewestAlert: [newest()],
  };
});

function begin(isService: boolean) {
  story = new Story(backend, { secret: isService ? 'key' : null, isService });
  return story.signUp(1);
}

test('as the service it states addresses and needs no password, and follows every alert', async () => {
  await begin(true);
  expect(sent[0]).toMatchObject({ secret: 'key', variables: { input: { ipAddress: '203.0.113.10' } } });
  expect(sent[0]?.variables).not.toHaveProperty('input.password');
  expect(sockets.map(({ secret }) => secret)).toEqual(['key', 'token-1']);
});

test('as anyone it gives the password and no address, and hears what its phones hear', async () => {
  await begin(false);
  expect(sent[0]?.variables).toHaveProperty('input.password');
  expect(sent[0]?.variables).not.toHaveProperty('input.ipAddress');
  expect(sockets.map(({ secret }) => secret)).toEqual(['token-1']);
});

test('the end of its session is looked up once, however it is heard of', async () => {
  await begin(false);
  answers.CurrentSession = [ended];
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'SESSION_REPLACED') } });
  sockets[0]?.sink.complete();
  await settled();
  expect(phone(1)).toMatchObject({ stage: 'ended', endReason: 'REPLACED', stream: 'completed', token: 'token-1' });
  expect(sent.filter(({ name }) => name === 'CurrentSession')).toEqual([
    { name: 'CurrentSession', variables: {}, secret: 'token-1' },
  ]);
});

test('what it knows of its end does not keep it from hearing its stream complete', async () => {
  await begin(false);
  answers.CurrentSession = [ended];
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'SESSION_REPLACED') } });
  await settled();
  expect(phone(1)).toMatchObject({ stage: 'ended', stream: 'connecting' });
  sockets[0]?.sink.complete();
  await settled();
  expect(phone(1).stream).toBe('completed');
  expect(sent.filter(({ name }) => name === 'CurrentSession')).toHaveLength(1);
});

test('ended while it was cut off, it tries no more', async () => {
  await begin(false);
  story.disconnect(1);
  answers.CurrentSession = [ended];
  await story.check(1, true);
  expect(phone(1)).toMatchObject({ stage: 'ended', stream: 'off' });
});

test('an alert about another session says nothing of its own', async () => {
  await begin(false);
  sockets[0]?.sink.next({ data: { sessionAlerts: alertOf(1, 'LOGIN_NOT_APPROVED', 'second') } });
  await settled();
  expect(phone(1).stage).toBe('active');
  expect(phone(1).received).toHaveLength(1);
});

test('cut off before its first alert, it reads the log, and goes on after its last entry', async () => {
  await begin(false);
  story.disconnect(1);
  expect(sockets[0]?.closed).toBe(true);
  answers.LatestAlerts = [
    { data: { user: { alerts: { nodes: [alertOf(2, 'LOGIN_REFUSED'), alertOf(1, 'LOGIN_REFUSED')] } } } },
  ];
  story.reconnect(1);
  await settled();
  expect(phone(1).received.map(({ alert, replayed }) => [alert.sequence, replayed])).toEqual([
    [2, true],
    [1, true],
  ]);
  expect(sockets[1]?.variables).toEqual({ after: 'alert-2' });
});

test('a device goes on from where the log stood at its login, and misses nothing that is before', async () => {
  await begin(false);
  answers.LogIn = [
    { data: { login: { outcome: 'LOGGED_IN', message: 'In', token: 'token-2', session: session('second') } } },
  ];
  answers.NewestAlert = [newest('alert-4')];
  await story.logIn(2);
  expect(sent.at(-1)).toEqual({ name: 'NewestAlert', variables: {}, secret: 'token-2' });
  expect(sockets[1]).toMatchObject({ secret: 'token-2', variables: { after: 'alert-4' } });
  story.disconnect(2);
  story.reconnect(2);
  await settled();
  expect(sockets[2]).toMatchObject({ secret: 'token-2', variables: { after: 'alert-4' } });
  expect(phone(2).received).toEqual([]);
});

test('where it cannot be told from where to hear, the log is asked again', async () => {
  answers.NewestAlert = [{ errors: [{ message: 'The server gave no answer.' }] }];
  answers.LatestAlerts = [{ data: { user: { alerts: { nodes: [alertOf(4, 'LOGIN_REFUSED')] } } } }];
  await begin(false);
  await settled();
  expect(sockets[0]?.variables).toEqual({ after: 'alert-4' });
  expect(phone(1).received).toEqual([]);
});

test('approved, it does not hear of what passed while its login waited', async () => {
  const pending = session('second', 'PENDING');
  await begin(false);
  answers.LogIn = [
    { data: { login: { outcome: 'AWAITING_APPROVAL', message: 'Asked', token: 'token-2', session: pending } } },
  ];
  answers.NewestAlert = [newest()];
  await story.logIn(2);
  sockets[1]?.sink.opened();
  await settled();
  answers.LatestAlerts = [
    { data: { user: { alerts: { nodes: [alertOf(3, 'LOGIN_APPROVED', 'second'), alertOf(2, 'LOGIN_REFUSED')] } } } },
  ];
  answers.CurrentSession = [{ data: { currentSession: { ...session('second'), isValid: true, endReason: null } } }];
  sockets[1]?.sink.next({ data: { sessionAlerts: alertOf(3, 'LOGIN_APPROVED', 'second') } });
  await settled();
  expect(phone(2).received.map(({ alert }) => alert.sequence)).toEqual([3]);
  expect(phone(2).stage).toBe('active');
});

test('approved while it was cut off, it does not hear of what is before its login', async () => {
  const pending = { ...session('second', 'PENDING'), device: { label: 'Firefox 145 on Windows' } };
  await begin(false);
  answers.LogIn = [
    { data: { login: { outcome: 'AWAITING_APPROVAL', message: 'Asked', token: 'token-2', session: pending } } },
  ];
  answers.NewestAlert = [newest()];
  await story.logIn(2);
  story.disconnect(2);
  const log = [
    alertOf(3, 'LOGIN_APPROVED', 'second'),
    alertOf(2, 'LOGIN_PENDING', 'second'),
    alertOf(1, 'LOGIN_REFUSED'),
  ];
  answers.LatestAlerts = [{ data: { user: { alerts: { nodes: log } } } }];
  answers.CurrentSession = [{ data: { currentSession: { ...session('second'), isValid: true, endReason: null } } }];
  story.reconnect(2);
  await settled();
  expect(phone(2).received.map(({ alert, replayed }) => [alert.sequence, replayed])).toEqual([[3, true]]);
});

test('cut off while it asks where the log stands, it listens once it is back', async () => {
  const signedUp = begin(false);
  while (phone(1).stage !== 'active') await settledOnce();
  story.disconnect(1);
  await signedUp;
  expect(sockets).toEqual([]);
  expect(phone(1).stream).toBe('away');
  story.reconnect(1);
  await settled();
  expect(sockets).toHaveLength(1);
});

test('it says until when a login waits, and until it has answered', async () => {
  await begin(false);
  const waits = { status: 'PENDING', expiresAt: '2999-01-01T00:02:00.000Z' };
  answers.WaitingLogin = [{ data: { user: { sessions: { nodes: [waits, { ...waits, status: 'ACTIVE' }] } } } }];
  const asks = alertOf(1, 'LOGIN_PENDING');
  sockets[0]?.sink.next({ data: { sessionAlerts: asks } });
  await settled();
  expect(phone(1).received[0]?.waitsUntil).toBe(waits.expiresAt);
  answers.DecideLogin = [{ data: { decideLogin: { message: 'Denied', session: session('second', 'ENDED') } } }];
  await story.answer(1, asks, 'DENY');
  expect(sent.at(-1)).toEqual({
    name: 'DecideLogin',
    variables: { input: { attemptId: 'attempt-1', decision: 'DENY' } },
    secret: 'token-1',
  });
  expect(phone(1).received[0]).toMatchObject({ answered: 'DENY', waitsUntil: null });
});

test('a login that fails says why, and leaves the phone as it was', async () => {
  await begin(false);
  answers.LogIn = [{ errors: [{ message: 'Wait a minute.' }] }];
  await story.logIn(2);
  expect(phone(2)).toMatchObject({ stage: 'out', token: null, message: { text: 'Wait a minute.', tone: 'bad' } });
  expect(story.store.read().timeline[0]).toMatchObject({ type: 'request', from: 2, outcome: 'Wait a minute.' });
});

test('started over, nothing is heard of the story before', async () => {
  await begin(true);
  const { mobile } = story.store.read().user;
  story.startOver();
  expect(sockets.every(({ closed }) => closed)).toBe(true);
  expect(story.store.read()).toMatchObject({ registered: false, timeline: [] });
  expect(story.store.read().user.mobile).not.toBe(mobile);
});
