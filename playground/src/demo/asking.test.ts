import { beforeEach, expect, test } from 'vitest';
import { nameOf } from '../api/document';
import type { GraphQLResponse } from '../api/post';
import { alertOf } from '../api/testing';
import type { Backend } from './backend';
import { Demo } from './demo';

const session = (status: string) => ({
  sessionKey: 'key',
  status,
  expiresAt: '2999-01-01T00:00:00.000Z',
  device: { label: 'Safari 18 on iPhone' },
  ipAddress: '203.0.113.10',
});

let responses: Record<string, GraphQLResponse<unknown>>;
let sent: { name: string; input: Record<string, unknown> }[];
let demo: Demo;

const backend: Backend = {
  post: async (document, variables) => {
    const name = nameOf(String(document));
    sent.push({ name, input: (variables as { input: Record<string, unknown> }).input });
    const response = responses[name];
    if (!response) throw new Error(`no response for ${name}`);
    return response as GraphQLResponse<never>;
  },
  listen: () => ({ cursor: null, stop: () => undefined }),
};

const login = (fields: object) => ({
  data: {
    login: {
      outcome: 'REFUSED',
      message: 'Wait.',
      token: null,
      session: null,
      matchNumber: null,
      retryAfterSeconds: null,
      holder: null,
      user: { alertCursor: 'alert-0' },
      ...fields,
    },
  },
});

const phone = (id: 1 | 2) => demo.store.read().phones[id];

beforeEach(async () => {
  sent = [];
  const user = { alertCursor: 'alert-0' };
  responses = {
    SignUp: { data: { createUser: { message: 'Created', token: 'token-1', user, session: session('ACTIVE') } } },
  };
  demo = new Demo(backend, { secret: null, isService: true, asksToSignUp: false });
  await demo.signUp(1);
});

test('a waiting phone has its number, and knows whether the other one listens', async () => {
  const holder = { isListening: false, device: { label: 'Safari 18 on iPhone' } };
  responses.LogIn = login({
    outcome: 'AWAITING_APPROVAL',
    token: 'token-2',
    session: session('PENDING'),
    matchNumber: 57,
    holder,
  });
  demo.setPolicy('ASK');
  demo.setIfAway('TAKE_OVER');
  await demo.logIn(2);
  expect(phone(2)).toMatchObject({
    stage: 'pending',
    matchNumber: 57,
    holder: { device: 'Safari 18 on iPhone', isListening: false },
  });
  expect(sent.at(-1)?.input).toMatchObject({ onConflict: 'ASK', ifAway: 'TAKE_OVER' });
});

test('a wrong number is shown as such', async () => {
  responses.DecideLogin = { data: { decideLogin: { message: 'Wrong.', session: session('ENDED') } } };
  responses.PendingLogin = { data: { user: { sessions: { nodes: [] } } } };
  const alert = alertOf(1, 'LOGIN_PENDING');
  demo.store.changePhone(1, () => ({
    received: [{ alert, replayed: false, waitsUntil: '2999-01-01T00:00:00.000Z', decision: null }],
  }));
  await demo.decide(1, alert, 'APPROVE', 23);
  expect(sent.at(-1)?.input).toEqual({ attemptId: 'attempt-1', decision: 'APPROVE', matchNumber: 23 });
  expect(phone(1).received[0]).toMatchObject({ decision: 'WRONG_NUMBER', waitsUntil: null });
});

test('a phone that was refused for some time may ask again after it', async () => {
  responses.LogIn = login({ retryAfterSeconds: 60 });
  const before = Date.now();
  await demo.logIn(2);
  expect(phone(2).message).toEqual({ text: 'Wait.', tone: 'bad' });
  expect(phone(2).retryAt).toBeGreaterThanOrEqual(before + 60_000);
  responses.LogIn = login({});
  await demo.logIn(2);
  expect(phone(2).retryAt).toBeNull();
});

test('a frozen user is known from the freeze, from a login, and until the freeze is ended', async () => {
  responses.FreezeUser = { data: { freezeUser: { message: 'Frozen.' } } };
  responses.CurrentSession = {
    data: { currentSession: { ...session('ENDED'), isValid: false, endReason: 'FROZEN', endedBy: null } },
  };
  demo.askToFreeze(1);
  await demo.confirmFreeze();
  expect(demo.store.read().frozen).toBe(true);
  expect(phone(1)).toMatchObject({ stage: 'ended', endReason: 'FROZEN' });
  responses.UnfreezeUser = { data: { unfreezeUser: { message: 'Over.' } } };
  await demo.unfreeze(1);
  expect(demo.store.read().frozen).toBe(false);
  responses.LogIn = { errors: [{ message: 'This account is frozen.', extensions: { code: 'FROZEN' } }] };
  await demo.logIn(2);
  expect(demo.store.read().frozen).toBe(true);
});

test('a phone names its device if it may be let in, and each stranger is another device', async () => {
  responses.LogIn = login({});
  await demo.logIn(2);
  expect(sent.at(-1)?.input).not.toHaveProperty('deviceId');
  demo.setPolicy('ASK');
  await demo.logIn(2);
  const own = sent.at(-1)?.input.deviceId;
  await demo.logIn(2);
  expect(sent.at(-1)?.input.deviceId).toBe(own);
  await demo.logInAsStranger();
  const stranger = sent.at(-1)?.input.deviceId;
  await demo.logInAsStranger();
  expect(new Set([own, stranger, sent.at(-1)?.input.deviceId]).size).toBe(3);
});
