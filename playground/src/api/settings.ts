import type { OnConflict } from '../gql/graphql';

/** The settings that the server publishes for its playground. */
export interface Settings {
  developmentMode: boolean;
  /** Whether introspection is on. */
  introspection: boolean;
  /** The conflict policies that callers other than the service may choose. */
  clientPolicies: readonly OnConflict[];
  /** The time without a sign of life after which a device is away. */
  awayAfterSeconds: number;
}

/** Reads the server's settings. Returns `null` if they cannot be read. */
export async function readSettings(): Promise<Settings | null> {
  try {
    const response = await fetch('/settings.json');
    const settings: Partial<Settings> | null = response.ok ? await response.json() : null;
    return isComplete(settings) ? settings : null;
  } catch {
    return null;
  }
}

function isComplete(settings: Partial<Settings> | null): settings is Settings {
  return (
    typeof settings?.developmentMode === 'boolean' &&
    typeof settings.introspection === 'boolean' &&
    Array.isArray(settings.clientPolicies) &&
    typeof settings.awayAfterSeconds === 'number'
  );
}
