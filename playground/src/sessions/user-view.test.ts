import { expect, test } from 'vitest';
import { back, extent, here, onwards, type Trail } from './user-view';

const first: Trail = [null];

test('the way to the third page leads back to the first', () => {
  const third = onwards(onwards(first, 'a'), 'b');
  expect(here(third)).toBe('b');
  expect(here(back(third))).toBe('a');
  expect(here(back(back(third)))).toBe(null);
  expect(back(first)).toBe(first);
});

test('where nothing follows, the way ends', () => {
  expect(onwards(first, null)).toBe(first);
});

test.each([
  [first, 10, 34, '1 to 10 of 34'],
  [onwards(first, 'a'), 4, 14, '11 to 14 of 14'],
  [onwards(first, 'a'), 4, null, '11 to 14'],
  [first, 0, 0, 'None'],
])('%j with %i items of %j', (trail, count, total, says) => {
  expect(extent(trail, { items: Array(count).fill(0), total, next: null })).toBe(says);
});
