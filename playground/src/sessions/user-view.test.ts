import { expect, test } from 'vitest';
import { currentCursor, nextPage, previousPage, rangeText, type Trail } from './user-view';

const first: Trail = [null];

test('the pages before the third one can be reached again', () => {
  const third = nextPage(nextPage(first, 'a'), 'b');
  expect(currentCursor(third)).toBe('b');
  expect(currentCursor(previousPage(third))).toBe('a');
  expect(currentCursor(previousPage(previousPage(third)))).toBe(null);
  expect(previousPage(first)).toBe(first);
});

test('after the last page there is no next one', () => {
  expect(nextPage(first, null)).toBe(first);
});

test.each([
  [first, 10, 34, '1 to 10 of 34'],
  [nextPage(first, 'a'), 4, 14, '11 to 14 of 14'],
  [nextPage(first, 'a'), 4, null, '11 to 14'],
  [first, 0, 0, 'None'],
])('%j with %i items of %j', (trail, count, total, text) => {
  expect(rangeText(trail, { items: Array(count).fill(0), total, next: null })).toBe(text);
});
