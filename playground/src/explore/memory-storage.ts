import type { Storage } from '@graphiql/toolkit';

/**
 * Replaces the browser's storage for the editor. Operations, variables and headers contain tokens
 * and passwords, so they are kept only as long as the page is open.
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
