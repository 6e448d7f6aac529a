/** An operation as a person would have written it: generated text is indented at the start of each definition. */
export function readable(document: unknown): string {
  return String(document)
    .replace(/^ {4}(?=(?:query|mutation|subscription|fragment)\b)/gm, '')
    .replace(/\n(?=fragment\b)/g, '\n\n')
    .trim();
}

/** The operation's name, which is also its tab's. */
export function nameOf(operation: string): string {
  return /^\s*(?:query|mutation|subscription)\s+(\w+)/m.exec(operation)?.[1] ?? 'operation';
}
