import { useCallback, useEffect, useRef, useState } from 'react';
import { errorMessage, post } from '../../api/post';
import { ActiveSessionsDocument, EventCursorDocument, NewSessionsDocument } from '../../gql/graphql';
import { type FeedState, followSessions } from './follow-sessions';
import { emptyListing, type Listing, type SessionEvent, withEvent, withNames, withSessions } from './model';

const PAGE_SIZE = 20;

/** A page may be empty although more follow. This many are read for one press. */
const MAX_EMPTY_PAGES = 20;

/** The server takes as many keys at once. */
const MAX_KEYS = 100;

export interface Feed {
  state: FeedState;
  reason: string | null;
}

/** The active sessions of all users, kept up to date by the feed. */
export function useActiveSessions(secret: string | null) {
  const [listing, setListing] = useState<Listing>(emptyListing);
  const [status, setStatus] = useState<'loading' | 'ready' | { reason: string }>('loading');
  const [feed, setFeed] = useState<Feed>({ state: 'connecting', reason: null });
  const [attempt, setAttempt] = useState(0);
  /** Changes when the list is read anew, so that a late response is ignored. */
  const run = useRef(0);

  const readMore = useCallback(
    async (after: string | null) => {
      const own = run.current;
      setStatus('loading');
      let next = after;
      for (let page = 0; page < MAX_EMPTY_PAGES; page += 1) {
        const response = await post(ActiveSessionsDocument, { first: PAGE_SIZE, after: next }, secret);
        if (own !== run.current) return;
        const list = response.data?.activeSessions;
        if (!list) return setStatus({ reason: errorMessage(response) ?? 'The response is empty.' });
        next = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
        const position = next;
        setListing((before) => withNames({ ...withSessions(before, list.nodes, 'end'), next: position }));
        if (next === null || list.nodes.length > 0) break;
      }
      setStatus('ready');
    },
    [secret],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt runs the effect again.
  useEffect(() => {
    run.current += 1;
    const own = run.current;
    let stop = () => {};
    setListing(emptyListing);
    setStatus('loading');
    setFeed({ state: 'connecting', reason: null });
    const added = newSessions(secret, (sessions) => {
      if (own === run.current) setListing((before) => withNames(withSessions(before, sessions, 'front')));
    });
    // The cursor is read before the list, so that no event between the two is missed.
    void post(EventCursorDocument, {}, secret).then((response) => {
      if (own !== run.current) return;
      const cursor = response.data?.eventCursor;
      if (cursor === undefined) {
        setFeed({ state: 'refused', reason: errorMessage(response) });
      } else {
        stop = followSessions(secret, cursor, {
          event: (event) => {
            setListing((before) => withEvent(before, event));
            added(event);
          },
          expired: () => setAttempt((before) => before + 1),
          state: (state, reason) => setFeed({ state, reason }),
        });
      }
      void readMore(null);
    });
    return () => {
      run.current += 1;
      stop();
    };
  }, [secret, readMore, attempt]);

  return {
    listing,
    status,
    feed,
    readMore: () => void readMore(listing.next),
    retry: () => setAttempt((before) => before + 1),
  };
}

/** Returns a function that reads the session of each `SESSION_ACTIVE`, many at once. */
function newSessions(secret: string | null, found: (sessions: Listing['sessions']) => void) {
  let waiting: string[] = [];
  let isReading = false;
  const read = async () => {
    isReading = true;
    while (waiting.length > 0) {
      const keys = waiting.slice(0, MAX_KEYS);
      waiting = waiting.slice(MAX_KEYS);
      const { data } = await post(NewSessionsDocument, { keys }, secret);
      found((data?.sessionsByKey ?? []).filter((session) => session !== null));
    }
    isReading = false;
  };
  return ({ kind, sessionKey }: SessionEvent) => {
    if (kind !== 'SESSION_ACTIVE' || sessionKey === null) return;
    waiting.push(sessionKey);
    if (!isReading) void read();
  };
}
