import { expect, test } from 'vitest';
import { errorMessage } from './post';

test('a message of the server is shown to people, without backticks', () => {
  const errors = [
    { message: 'The service key does not have the scope `read`.' },
    { message: '`ipAddress` is not an address.' },
  ];
  expect(errorMessage({ errors })).toBe(
    'The service key does not have the scope “read”. “ipAddress” is not an address.',
  );
});

test('a response without an error has no message', () => {
  expect(errorMessage({ data: {} })).toBe(null);
});
