/** What the server says of itself to its playground. */
export interface Settings {
  developmentMode: boolean;
}

/** Whether the server shows its schema: where introspection is off, it does not. */
export async function showsSchema(): Promise<boolean> {
  try {
    return (await fetch('/schema.graphql', { method: 'HEAD' })).status !== 404;
  } catch {
    return true; // Nothing is known, and a link does no harm.
  }
}

/** The server's settings, or `null` where they cannot be read. */
export async function readSettings(): Promise<Settings | null> {
  try {
    const response = await fetch('/settings.json');
    const settings: Partial<Settings> | null = response.ok ? await response.json() : null;
    return typeof settings?.developmentMode === 'boolean'
      ? { developmentMode: settings.developmentMode }
      : null;
  } catch {
    return null;
  }
}
