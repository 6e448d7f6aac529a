import type { ActiveSessionFragment, SessionEventsSubscription } from '../../gql/graphql';

export type ActiveSession = ActiveSessionFragment;

export type SessionEvent = SessionEventsSubscription['sessionEvents'];

/** An event of the feed, with what the page knows about its user. */
export interface FeedEntry {
  event: SessionEvent;
  user: ActiveSession['user'] | null;
}

export interface Listing {
  /** The active sessions that have been read, and those that became active since then. */
  sessions: readonly ActiveSession[];
  /** The position to read on after; `null` at the end of the list. */
  next: string | null;
  /** The last events, the newest first. */
  entries: readonly FeedEntry[];
}

export const emptyListing: Listing = { sessions: [], next: null, entries: [] };

/** The number of events that the page shows. */
const MAX_ENTRIES = 20;

/** Adds sessions that are not in the list yet: a page of older ones, or new ones at the front. */
export function withSessions(listing: Listing, sessions: readonly ActiveSession[], where: 'front' | 'end'): Listing {
  const known = new Set(listing.sessions.map(({ sessionKey }) => sessionKey));
  const added = sessions.filter(({ sessionKey, status }) => status === 'ACTIVE' && !known.has(sessionKey));
  if (added.length === 0) return listing;
  const all = where === 'front' ? [...added, ...listing.sessions] : [...listing.sessions, ...added];
  return { ...listing, sessions: all };
}

/** Applies an event: it is shown, and removes a session that has ended. */
export function withEvent(listing: Listing, event: SessionEvent): Listing {
  if (event.kind === 'CAUGHT_UP') return listing;
  const owner = listing.sessions.find(
    ({ sessionKey, user }) => sessionKey === event.sessionKey || user.id === event.userId,
  );
  const earlier = listing.entries.find(({ event: { userId }, user }) => user !== null && userId === event.userId);
  const entry = { event, user: owner?.user ?? earlier?.user ?? null };
  const entries = [entry, ...listing.entries].slice(0, MAX_ENTRIES);
  const remains = ({ sessionKey, user }: ActiveSession) => {
    if (event.kind === 'SESSION_ENDED') return sessionKey !== event.sessionKey;
    return event.kind !== 'USER_DELETED' || user.id !== event.userId;
  };
  return { ...listing, entries, sessions: listing.sessions.filter(remains) };
}

/** Names the users of events whose sessions have been read after the events. */
export function withNames(listing: Listing): Listing {
  const users = new Map(listing.sessions.map(({ user }) => [user.id, user]));
  const entries = listing.entries.map((entry) =>
    entry.user ? entry : { ...entry, user: users.get(entry.event.userId ?? '') ?? null },
  );
  return { ...listing, entries };
}

/** Whether one of the texts contains the filter. Spaces in the filter and in a number do not matter. */
export function matches(filter: string, ...texts: readonly string[]): boolean {
  const wanted = plain(filter);
  return wanted === '' || texts.some((text) => plain(text).includes(wanted));
}

function plain(text: string): string {
  return text.toLocaleLowerCase().replace(/\s+/g, '');
}

/** Whether the session, its device or its user matches the filter. */
export function sessionMatches(filter: string, { user, device, ipAddress }: ActiveSession): boolean {
  return matches(filter, user.username, user.mobile, device.label, ipAddress);
}
