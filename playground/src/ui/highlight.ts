export interface Piece {
  kind: 'plain' | 'name' | 'word' | 'string' | 'number' | 'comment';
  text: string;
}

const pattern =
  /(?<name>"(?:[^"\\]|\\.)*"(?=\s*:)|\$\w+)|(?<string>"(?:[^"\\]|\\.)*")|(?<comment>#[^\n]*)|(?<word>\b(?:query|mutation|subscription|fragment|on|true|false|null)\b)|(?<number>\b\d+\b)/g;

/** Splits GraphQL or JSON into pieces of one color each. Joined, they are the text again. */
export function highlight(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) pieces.push({ kind: 'plain', text: text.slice(end, match.index) });
    const kind = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined)?.[0] ?? 'plain';
    pieces.push({ kind: kind as Piece['kind'], text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ kind: 'plain', text: text.slice(end) });
  return pieces;
}
