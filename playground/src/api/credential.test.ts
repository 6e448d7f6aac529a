import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkCredential } from './credential';

const token = 'sd1_token';

// The server that the page came from.
beforeEach(() => vi.stubGlobal('location', new URL('http://127.0.0.1:3000/')));
afterEach(() => vi.unstubAllGlobals());

function respondWith(body: object) {
  const headers = { 'content-type': 'application/json' };
  vi.stubGlobal('fetch', async () => new Response(JSON.stringify(body), { headers }));
}

const failure = (message: string, code: string) => ({ errors: [{ message, extensions: { code } }] });
const session = (isValid: boolean) => ({ data: { currentSession: { isValid } } });

test.each([
  ['key', { data: { sessionsByKey: [] } }, { kind: 'key', secret: 'key' }],
  ['key', failure('Log in first.', 'UNAUTHENTICATED'), 'This is neither the service key nor a session token.'],
  ['key', failure('The service key does not have the scope `check`.', 'FORBIDDEN'), { kind: 'key', secret: 'key' }],
  [
    'key',
    failure('Only the service may do this.', 'FORBIDDEN'),
    'This is neither the service key nor a session token.',
  ],
  ['key', failure('The store is unavailable.', 'UNAVAILABLE'), 'The store is unavailable.'],
  [token, session(true), { kind: 'token', secret: token }],
  [token, session(false), 'The session of this token is not valid.'],
  [token, { data: { currentSession: null } }, 'This token does not belong to a session.'],
])('%s with the response %j', async (secret, response, result) => {
  respondWith(response);
  expect(await checkCredential(secret)).toEqual(result);
});

test('if the server does not respond, this is the reason', async () => {
  vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('failed to fetch')));
  expect(await checkCredential('key')).toMatch(/^The server did not respond\./);
});
