import { expect, test } from 'vitest';
import { connectionParams, readableErrors } from './websocket';

test.each(['Authorization', 'authorization', 'AUTHORIZATION'])('the header %s is sent in connection_init', (name) => {
  expect(connectionParams({ accept: '*/*', [name]: 'Bearer abc' })).toEqual({ authorization: 'Bearer abc' });
});

test('without an Authorization header, no parameter is sent', () => {
  expect(connectionParams({ 'x-request-id': '1' })).toEqual({});
});

test.each([
  [{ code: 4403, reason: 'Forbidden' }, 'The server closed the WebSocket: 4403 Forbidden'],
  [{ code: 4401, reason: '' }, 'The server closed the WebSocket: 4401'],
  [{ code: 1006, reason: '' }, 'The WebSocket connection failed.'],
  [new Event('error'), 'The WebSocket connection failed.'],
  [new Error('no such protocol'), 'no such protocol'],
])('%o is converted to a message', (failure, message) => {
  expect(readableErrors(failure)).toEqual([{ message }]);
});

test('GraphQL errors are returned unchanged', () => {
  const errors = [{ message: 'Not found', extensions: { code: 'NOT_FOUND' } }];
  expect(readableErrors(errors)).toBe(errors);
});
