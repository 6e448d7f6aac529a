import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { StreamState } from '../api/listen';
import type { SessionRowFragment } from '../gql/graphql';
import { formatMobile } from '../ui/mobile';
import { dayAndTime } from '../ui/time';
import { useKeepFocus } from '../ui/use-keep-focus';
import { AlertTable } from './alert-table';
import { EndDialog } from './end-dialog';
import { Failed, Loading } from './lookup-states';
import { Pager } from './pager';
import type { RecentUser } from './recent-users';
import { SessionTable } from './session-table';
import styles from './sessions-page.module.css';
import { useUser } from './use-user';
import type { FoundUser } from './user-view';

export function UserPanel({
  mobile,
  secret,
  onFound,
}: {
  mobile: string;
  secret: string | null;
  /** Called with each user that is found. */
  onFound?: (user: RecentUser) => void;
}) {
  const { lookup, setTrails, stream, reload } = useUser(mobile, secret);
  const [ending, setEnding] = useState<SessionRowFragment | null>(null);
  const found = lookup.status === 'ready' ? lookup.data.user : null;
  const foundMobile = found?.mobile;
  const foundName = found?.username;
  useEffect(() => {
    if (foundMobile !== undefined && foundName !== undefined) onFound?.({ mobile: foundMobile, username: foundName });
  }, [onFound, foundMobile, foundName]);
  if (lookup.status === 'loading') return <Loading />;
  if (lookup.status === 'missing') {
    return (
      <p className={styles.hint} role="status">
        No user has the mobile number <bdi>{mobile}</bdi>.
      </p>
    );
  }
  if (lookup.status === 'failed') return <Failed reason={lookup.reason} onRetry={() => void reload()} />;
  const { data, trails } = lookup;
  const { user, sessions, alerts } = data;
  return (
    <>
      <UserHead user={user} sessions={sessions.total ?? 0} stream={stream} />
      <SessionList>
        <SessionTable sessions={sessions.items} onEnd={setEnding} />
        <Pager
          listName="sessions"
          trail={trails.sessions}
          page={sessions}
          onTurn={(trail) => setTrails({ ...trails, sessions: trail })}
        />
      </SessionList>
      <section className={styles.list} aria-labelledby="alerts-of-user">
        <h2 id="alerts-of-user">Alert log</h2>
        <AlertTable alerts={alerts.items} />
        <Pager
          listName="alerts"
          trail={trails.alerts}
          page={alerts}
          onTurn={(trail) => setTrails({ ...trails, alerts: trail })}
        />
      </section>
      <EndDialog session={ending} secret={secret} onClose={() => setEnding(null)} onEnded={() => void reload()} />
    </>
  );
}

/** Takes the focus when the button that ended a session goes away. */
function SessionList({ children }: { children: ReactNode }) {
  const list = useRef<HTMLElement>(null);
  useKeepFocus(list);
  return (
    <section ref={list} tabIndex={-1} className={styles.list} aria-labelledby="sessions-of-user">
      <h2 id="sessions-of-user">All sessions</h2>
      {children}
    </section>
  );
}

const streams: Record<StreamState, { label: string; tone: string }> = {
  connecting: { label: 'Connecting', tone: 'warning' },
  open: { label: 'Live', tone: 'good' },
  lost: { label: 'Connection lost, trying again', tone: 'bad' },
  completed: { label: 'No longer live: the session has ended', tone: 'plain' },
  refused: { label: 'Not live', tone: 'bad' },
};

function UserHead({ user, sessions, stream }: { user: FoundUser; sessions: number; stream: StreamState }) {
  const { label, tone } = streams[stream];
  const alerts = user.alerts.nodes[0]?.sequence ?? 0;
  return (
    <div className={styles.user}>
      <div>
        <p className={styles.name}>
          <bdi>{user.username}</bdi>
        </p>
        <p className={styles.facts}>
          {formatMobile(user.mobile)} · {user.createdAt && <>registered {dayAndTime(user.createdAt)} · </>}
          {count(sessions, 'session')}, {user.activeSession ? 'one active' : 'none active'} · {count(alerts, 'alert')}
        </p>
      </div>
      <span className={styles.live} data-tone={tone} role="status">
        {label}
      </span>
    </div>
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
