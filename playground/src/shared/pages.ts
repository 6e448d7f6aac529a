export type Page = 'live' | 'explore' | 'sessions';

/** The path of each page. The server returns the same HTML for all of them. */
export const pages: Record<Page, { path: string; label: string }> = {
  live: { path: '/', label: 'Live' },
  explore: { path: '/explore', label: 'Explore' },
  sessions: { path: '/sessions', label: 'Sessions' },
};

export const pageNames = Object.keys(pages) as Page[];

/** The page with this path; `null` if there is none. */
export function pageOf(path: string): Page | null {
  return pageNames.find((page) => pages[page].path === path) ?? null;
}

/** The link to the sessions of a user, which can be shared. */
export function sessionsOf(mobile: string): string {
  return `${pages.sessions.path}?mobile=${encodeURIComponent(mobile)}`;
}
