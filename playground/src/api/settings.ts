/** What the server says of itself to its playground. */
export interface Settings {
  developmentMode: boolean;
  /** Whether it answers what its schema is. */
  introspection: boolean;
}

/** The server's settings, or `null` where they cannot be read. */
export async function readSettings(): Promise<Settings | null> {
  try {
    const response = await fetch('/settings.json');
    const settings: Partial<Settings> | null = response.ok ? await response.json() : null;
    return typeof settings?.developmentMode === 'boolean' && typeof settings.introspection === 'boolean'
      ? { developmentMode: settings.developmentMode, introspection: settings.introspection }
      : null;
  } catch {
    return null;
  }
}
