/** The settings that the server publishes for its playground. */
export interface Settings {
  developmentMode: boolean;
  /** Whether introspection is on. */
  introspection: boolean;
}

/** Reads the server's settings. Returns `null` if they cannot be read. */
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
