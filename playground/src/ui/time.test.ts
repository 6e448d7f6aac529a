import { expect, test } from 'vitest';
import { elapsed, remaining } from './time';

test.each([
  [120_000, '2:00'],
  [119_001, '2:00'],
  [65_000, '1:05'],
  [900, '0:01'],
  [0, '0:00'],
])('%i ms are %s', (milliseconds, text) => {
  expect(remaining(milliseconds)).toBe(text);
});

test.each([
  [3, '3 ms'],
  [999, '999 ms'],
  [1_240, '1.2 s'],
])('%i ms have passed: %s', (milliseconds, text) => {
  expect(elapsed(milliseconds)).toBe(text);
});
