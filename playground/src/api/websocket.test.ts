import { expect, test } from 'vitest';
import { connectionParams, readableErrors } from './websocket';

test.each(['Authorization', 'authorization', 'AUTHORIZATION'])('%s is passed on in connection_init', (name) => {
  expect(connectionParams({ accept: '*/*', [name]: 'Bearer abc' })).toEqual({ authorization: 'Bearer abc' });
});

test('without Authorization nothing is passed on', () => {
  expect(connectionParams({ 'x-request-id': '1' })).toEqual({});
});

test.each([
  [{ code: 4403, reason: 'Forbidden' }, 'The server closed the WebSocket: 4403 Forbidden'],
  [{ code: 4401, reason: '' }, 'The server closed the WebSocket: 4401'],
  [{ code: 1006, reason: '' }, 'The WebSocket could not be opened, or broke off.'],
  [new Event('error'), 'The WebSocket could not be opened, or broke off.'],
  [new Error('no such protocol'), 'no such protocol'],
])('%o reads as text', (failure, message) => {
  expect(readableErrors(failure)).toEqual([{ message }]);
});

test('GraphQL errors stay as they are', () => {
  const errors = [{ message: 'Not found', extensions: { code: 'NOT_FOUND' } }];
  expect(readableErrors(errors)).toBe(errors);
});
