import type { AlertFragment, FindUserQuery, SessionRowFragment } from '../gql/graphql';

export type FoundUser = NonNullable<FindUserQuery['user']>;

/** A page of a list. */
export interface ListPage<Item> {
  items: readonly Item[];
  /** The number of items in the whole list; `null` if it is unknown. */
  total: number | null;
  /** The cursor of the next page; `null` on the last page. */
  next: string | null;
}

export interface UserData {
  user: FoundUser;
  sessions: ListPage<SessionRowFragment>;
  alerts: ListPage<AlertFragment>;
}

/**
 * The cursors of the pages from the first one to the current one. The cursor of the first page is
 * `null`.
 */
export type Trail = readonly (string | null)[];

export const PAGE_SIZE = 10;

export function currentCursor(trail: Trail): string | null {
  return trail.at(-1) ?? null;
}

export function nextPage(trail: Trail, next: string | null): Trail {
  return next === null ? trail : [...trail, next];
}

export function previousPage(trail: Trail): Trail {
  return trail.length > 1 ? trail.slice(0, -1) : trail;
}

/** `11 to 20 of 34`, or `11 to 20` if the total is unknown. */
export function rangeText(trail: Trail, { items, total }: ListPage<unknown>): string {
  if (items.length === 0) return 'None';
  const first = (trail.length - 1) * PAGE_SIZE + 1;
  const range = `${first} to ${first + items.length - 1}`;
  return total === null ? range : `${range} of ${total}`;
}
