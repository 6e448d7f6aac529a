import type { AlertFragment, FindUserQuery, SessionRowFragment } from '../gql/graphql';

export type FoundUser = NonNullable<FindUserQuery['user']>;

/** A page of a list, with what leads to its neighbours. */
export interface ListPage<Item> {
  items: readonly Item[];
  /** How many the whole list has; `null` where the server does not say. */
  total: number | null;
  next: string | null;
}

export interface UserData {
  user: FoundUser;
  sessions: ListPage<SessionRowFragment>;
  alerts: ListPage<AlertFragment>;
}

/** The cursors of the pages before this one. The first page has none; `null` leads to it. */
export type Trail = readonly (string | null)[];

export const pageSize = 10;

/** The cursor that the trail's last page is asked for with. */
export function here(trail: Trail): string | null {
  return trail.at(-1) ?? null;
}

export function onwards(trail: Trail, next: string | null): Trail {
  return next === null ? trail : [...trail, next];
}

export function back(trail: Trail): Trail {
  return trail.length > 1 ? trail.slice(0, -1) : trail;
}

/** `11 to 20 of 34`, and without the total where it is not known. */
export function extent(trail: Trail, { items, total }: ListPage<unknown>): string {
  if (items.length === 0) return 'None';
  const first = (trail.length - 1) * pageSize + 1;
  const range = `${first} to ${first + items.length - 1}`;
  return total === null ? range : `${range} of ${total}`;
}
