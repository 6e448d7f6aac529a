import { expect, test } from 'vitest';
import { remaining } from './time';

test.each([
  [120_000, '2:00'],
  [119_001, '2:00'],
  [65_000, '1:05'],
  [900, '0:01'],
  [0, '0:00'],
])('%i ms are %s', (milliseconds, text) => {
  expect(remaining(milliseconds)).toBe(text);
});
