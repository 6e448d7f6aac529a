import { expect, test } from 'vitest';
import { highlight } from './highlight';

const texts = ['query A($b: ID) { c(d: $b) # e\n}', '{\n  "a": "b: \\"c\\"",\n  "d": [1, true, null]\n}', ''];

test.each(texts)('the joined pieces of %j are the text', (text) => {
  expect(
    highlight(text)
      .map((piece) => piece.text)
      .join(''),
  ).toBe(text);
});

test('keys and values are distinguished', () => {
  expect(highlight('{"a": "b"}').filter(({ kind }) => kind !== 'plain')).toEqual([
    { kind: 'name', text: '"a"' },
    { kind: 'string', text: '"b"' },
  ]);
});
