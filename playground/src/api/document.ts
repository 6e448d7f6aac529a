/**
 * Formats a generated operation as a person would write it: the generator indents the start of each
 * definition.
 */
export function readable(document: unknown): string {
  return String(document)
    .replace(/^ {4}(?=(?:query|mutation|subscription|fragment)\b)/gm, '')
    .replace(/\n(?=fragment\b)/g, '\n\n')
    .trim();
}

/** The name of the first operation. The editor names its tab in the same way. */
export function nameOf(operation: string): string {
  return /^\s*(?:query|mutation|subscription)\s+(\w+)/m.exec(operation)?.[1] ?? 'operation';
}
