import type { Storage } from '@graphiql/toolkit';

/**
 * What the editor would keep in the browser's storage. Operations, variables and headers hold tokens and passwords,
 * so it lives as long as the page, and no longer.
 */
export function createMemoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
    get length() {
      return items.size;
    },
  };
}
