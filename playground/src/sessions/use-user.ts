import { useCallback, useEffect, useRef, useState } from 'react';
import { listenAs, type StreamState, stateCallbacks } from '../api/listen';
import { readUser, type Trails } from './read-user';
import type { UserData } from './user-view';

export type Lookup =
  | { status: 'loading' }
  | { status: 'missing' }
  | { status: 'failed'; reason: string }
  /** `trails` are the positions that `data` was read at. */
  | { status: 'ready'; data: UserData; trails: Trails };

const firstPages: Trails = { sessions: [null], alerts: [null] };

/** Reads a user from the server, and again after each alert. */
export function useUser(mobile: string, secret: string | null) {
  const [lookup, setLookup] = useState<Lookup>({ status: 'loading' });
  const [trails, setTrails] = useState(firstPages);
  const [stream, setStream] = useState<StreamState>('connecting');
  const [cursor, setCursor] = useState<string | null>(null);
  const latest = useRef(0);

  const reload = useCallback(async () => {
    latest.current += 1;
    const request = latest.current;
    const found = await readUser(mobile, trails, secret);
    if (request !== latest.current) return; // A later request is running.
    if (found === null) setLookup({ status: 'missing' });
    else if (typeof found === 'string') setLookup({ status: 'failed', reason: found });
    else setLookup({ status: 'ready', data: found, trails });
    // The stream starts at the cursor of the first read, and ends if the user can no longer be
    // read.
    const user = found === null || typeof found === 'string' ? null : found.user;
    setCursor((start) => user && (start ?? user.alertCursor));
  }, [mobile, trails, secret]);

  const latestReload = useRef(reload);
  useEffect(() => {
    latestReload.current = reload;
    void reload();
  }, [reload]);

  useEffect(() => {
    if (cursor === null) return;
    let isScheduled = false;
    const scheduleReload = () => {
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(() => {
        isScheduled = false;
        void latestReload.current(); // Once for all alerts that arrive together.
      });
    };
    const listening = listenAs(secret, {
      mobile,
      after: cursor,
      onAlert: scheduleReload,
      ...stateCallbacks((state) => {
        setStream(state);
        // The lists may be older than the cursor, and a login without a conflict raises no alert.
        if (state === 'open') scheduleReload();
      }),
    });
    return () => listening.stop();
  }, [cursor, mobile, secret]);

  return { lookup, setTrails, stream, reload };
}
