import { useCallback, useState } from 'react';

/** A user that this browser has looked up. */
export interface RecentUser {
  mobile: string;
  username: string;
}

const STORAGE_KEY = 'sessiond.recent-users';
const MAX_RECENT_USERS = 8;

/** Adds a user to the front of the list. */
export function withRecentUser(users: readonly RecentUser[], user: RecentUser): readonly RecentUser[] {
  return [user, ...users.filter(({ mobile }) => mobile !== user.mobile)].slice(0, MAX_RECENT_USERS);
}

/** Parses a stored list. A list that another program has changed counts as empty. */
export function parseRecentUsers(text: string | null): readonly RecentUser[] {
  try {
    const users: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(users) && users.every(isRecentUser) ? users.slice(0, MAX_RECENT_USERS) : [];
  } catch {
    return [];
  }
}

function isRecentUser(user: unknown): user is RecentUser {
  const { mobile, username } = (user ?? {}) as Partial<RecentUser>;
  return typeof mobile === 'string' && typeof username === 'string';
}

/**
 * The users that this browser has looked up, the latest first. In development mode the browser
 * stores them. Otherwise they may be real people, so they are kept in memory until a reload.
 */
export function useRecentUsers(isStored: boolean) {
  const [users, setUsers] = useState(() => (isStored ? parseRecentUsers(localStorage.getItem(STORAGE_KEY)) : []));
  const change = useCallback(
    (next: readonly RecentUser[]) => {
      if (isStored) {
        if (next.length > 0) localStorage.setItem(STORAGE_KEY, JSON.stringify(next));
        else localStorage.removeItem(STORAGE_KEY);
      }
      setUsers(next);
    },
    [isStored],
  );
  return [users, change] as const;
}
