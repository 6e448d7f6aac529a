import { useCallback, useEffect, useRef, useState } from 'react';
import { logIn } from '../api/alert-log';
import { AlertStream, type StreamState } from '../api/alert-stream';
import { connectAs } from '../api/connect';
import { post } from '../api/post';
import { LatestAlertsDocument } from '../gql/graphql';
import { readUser, type Trails } from './read-user';
import type { UserData } from './user-view';

export type Lookup =
  | { status: 'loading' }
  | { status: 'missing' }
  | { status: 'failed'; why: string }
  | { status: 'ready'; data: UserData /** Where `data` is from. */; trails: Trails };

const start: Trails = { sessions: [null], alerts: [null] };

/** One user as the server knows it, read anew with each alert. */
export function useUser(mobile: string, secret: string | null) {
  const [lookup, setLookup] = useState<Lookup>({ status: 'loading' });
  const [trails, setTrails] = useState(start);
  const [stream, setStream] = useState<StreamState>('connecting');
  const latest = useRef(0);

  const reload = useCallback(async () => {
    latest.current += 1;
    const asked = latest.current;
    const found = await readUser(mobile, trails, secret);
    if (asked !== latest.current) return; // A later question has been put.
    if (found === null) setLookup({ status: 'missing' });
    else if (typeof found === 'string') setLookup({ status: 'failed', why: found });
    else setLookup({ status: 'ready', data: found, trails });
  }, [mobile, trails, secret]);

  const reloadNow = useRef(reload);
  useEffect(() => {
    reloadNow.current = reload;
    void reload();
  }, [reload]);

  const found = lookup.status === 'ready';
  useEffect(() => {
    if (!found) return;
    let isDue = false;
    const again = () => {
      if (isDue) return;
      isDue = true;
      queueMicrotask(() => {
        isDue = false;
        void reloadNow.current(); // Once for all that was heard at once.
      });
    };
    const source = {
      connect: connectAs(secret),
      readLog: async (first: number) => logIn(await post(LatestAlertsDocument, { mobile, first }, secret)),
      mobile,
    };
    const alerts = new AlertStream(source, {
      alert: again,
      state: (state) => {
        setStream(state);
        if (state === 'open') again(); // Whatever happened before it was open.
      },
    });
    alerts.open();
    return () => alerts.stop();
  }, [found, mobile, secret]);

  return { lookup, turnTo: setTrails, stream, reload };
}
