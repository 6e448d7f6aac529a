import { Button } from '@mantine/core';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import { sessionsOf } from '../../shared/pages';
import { formatMobile } from '../../ui/mobile';
import { softDisabled } from '../../ui/soft-disabled';
import { useKeepFocus } from '../../ui/use-keep-focus';
import { Instant } from '../instant';
import pageStyles from '../sessions-page.module.css';
import tableStyles from '../table.module.css';
import styles from './directory.module.css';
import { EndSeveralDialog } from './end-several-dialog';
import { type ActiveSession, type Listing, sessionMatches } from './model';
import { ReadMore, type ReadStatus } from './read-more';

/** The active sessions, of which several can be ended at once. */
export function ActiveSessions({
  listing,
  status,
  filter,
  secret,
  onReadMore,
  onRetry,
}: {
  listing: Listing;
  status: ReadStatus;
  filter: string;
  secret: string | null;
  onReadMore: () => void;
  onRetry: () => void;
}) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [ending, setEnding] = useState<readonly ActiveSession[] | null>(null);
  const area = useRef<HTMLElement>(null);
  useKeepFocus(area);
  const shown = listing.sessions.filter((session) => sessionMatches(filter, session));
  // A session that has ended, or that the filter hides, is not ended by the button.
  const chosen = shown.filter(({ sessionKey }) => selected.has(sessionKey));
  const select = (keys: readonly string[], isSelected: boolean) => {
    const next = new Set(selected);
    for (const key of keys) {
      if (isSelected) next.add(key);
      else next.delete(key);
    }
    setSelected(next);
  };
  return (
    <section ref={area} tabIndex={-1} className={pageStyles.list} aria-labelledby="active-sessions">
      <header className={styles.head}>
        <h2 id="active-sessions">Active sessions</h2>
        <span aria-live="polite" className={styles.count}>
          {countText(shown.length, listing)}
        </span>
        <Button
          size="compact-sm"
          variant="default"
          {...softDisabled(chosen.length === 0)}
          onClick={() => chosen.length > 0 && setEnding(chosen)}
        >
          End {chosen.length} selected
        </Button>
      </header>
      {shown.length > 0 && (
        <SessionRows
          sessions={shown}
          isSelected={(key) => selected.has(key)}
          isEverySelected={chosen.length === shown.length}
          onSelect={select}
        />
      )}
      {shown.length === 0 && status === 'ready' && (
        <p className={tableStyles.none}>
          {listing.sessions.length === 0 ? 'No session is active.' : 'No active session matches the filter.'}
        </p>
      )}
      <ReadMore
        what="sessions"
        status={status}
        hasMore={listing.next !== null}
        onReadMore={onReadMore}
        onRetry={onRetry}
      />
      <EndSeveralDialog sessions={ending} secret={secret} onClose={() => setEnding(null)} />
    </section>
  );
}

function countText(shown: number, { sessions, next }: Listing): string {
  const all = next === null ? `${sessions.length}` : `the first ${sessions.length}`;
  if (shown < sessions.length) return `${shown} of ${all}`;
  return next === null ? `${shown} in total` : all;
}

function SessionRows({
  sessions,
  isSelected,
  isEverySelected,
  onSelect,
}: {
  sessions: readonly ActiveSession[];
  isSelected: (key: string) => boolean;
  isEverySelected: boolean;
  onSelect: (keys: readonly string[], isSelected: boolean) => void;
}) {
  return (
    <>
      <label className={styles.all}>
        <input
          type="checkbox"
          checked={isEverySelected}
          onChange={({ currentTarget }) =>
            onSelect(
              sessions.map(({ sessionKey }) => sessionKey),
              currentTarget.checked,
            )
          }
        />
        Select all that are shown
      </label>
      <table className={tableStyles.table}>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Device</th>
            <th scope="col">Logged in</th>
            <th scope="col">Last seen</th>
            <th scope="col">Expires</th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <Row
              key={session.sessionKey}
              session={session}
              isSelected={isSelected(session.sessionKey)}
              onSelect={onSelect}
            />
          ))}
        </tbody>
      </table>
    </>
  );
}

function Row({
  session,
  isSelected,
  onSelect,
}: {
  session: ActiveSession;
  isSelected: boolean;
  onSelect: (keys: readonly string[], isSelected: boolean) => void;
}) {
  const { sessionKey, user, device } = session;
  return (
    <tr>
      <td className={tableStyles.main}>
        <span className={styles.user}>
          <input
            type="checkbox"
            aria-label={`Select the session of ${user.username} on ${device.label}`}
            checked={isSelected}
            onChange={({ currentTarget }) => onSelect([sessionKey], currentTarget.checked)}
          />
          <span>
            <Link href={sessionsOf(user.mobile)}>
              <bdi>{user.username}</bdi>
            </Link>
            <span className={tableStyles.second}>{formatMobile(user.mobile)}</span>
          </span>
        </span>
      </td>
      <td data-label="Device">
        <span>
          <bdi>{device.label}</bdi>
          <span className={tableStyles.second}>{session.ipAddress}</span>
        </span>
      </td>
      <td data-label="Logged in">
        <Instant at={session.createdAt} />
      </td>
      <td data-label="Last seen">
        <Instant at={session.lastSeenAt} />
      </td>
      <td data-label="Expires">
        <Instant at={session.expiresAt} />
      </td>
    </tr>
  );
}
