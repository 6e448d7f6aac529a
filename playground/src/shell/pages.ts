export type Page = 'live' | 'explore' | 'sessions';

/** Every page's own address. The server answers each of them with the page. */
export const pages: Record<Page, { path: string; label: string }> = {
  live: { path: '/', label: 'Live' },
  explore: { path: '/explore', label: 'Explore' },
  sessions: { path: '/sessions', label: 'Sessions' },
};

export const pageNames = Object.keys(pages) as Page[];

export function pageOf(path: string): Page {
  return pageNames.find((page) => pages[page].path === path) ?? 'live';
}
