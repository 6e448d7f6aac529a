import { Button } from '@mantine/core';
import type { SessionRowFragment } from '../gql/graphql';
import { endReasonText, statuses } from '../ui/alert-kinds';
import { Instant } from './instant';
import styles from './table.module.css';

/** A page of sessions. On a narrow screen each row is displayed as a card. */
export function SessionTable({
  sessions,
  onEnd,
}: {
  sessions: readonly SessionRowFragment[];
  onEnd: (session: SessionRowFragment) => void;
}) {
  if (sessions.length === 0) return <p className={styles.none}>This user has no sessions.</p>;
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Device</th>
          <th scope="col">State</th>
          <th scope="col">Logged in</th>
          <th scope="col">Last seen</th>
          <th scope="col">Ended or expires</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <Row key={session.sessionKey} session={session} onEnd={onEnd} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ session, onEnd }: { session: SessionRowFragment; onEnd: (session: SessionRowFragment) => void }) {
  const { label, tone } = statuses[session.status];
  return (
    <tr>
      <td className={styles.main}>
        <bdi>{session.device.label}</bdi>
        <span className={styles.second}>{session.ipAddress}</span>
      </td>
      <td data-label="State">
        <span>
          <span className={styles.status} data-tone={tone}>
            {label}
          </span>
          {session.endReason && (
            <span className={styles.second}>{endReasonText(session.endReason, session.endedBy)}</span>
          )}
        </span>
      </td>
      <td data-label="Logged in">
        <Instant at={session.createdAt} />
      </td>
      <td data-label="Last seen">
        <Instant at={session.lastSeenAt} />
      </td>
      <td data-label={session.endedAt ? 'Ended' : 'Expires'}>
        <Instant at={session.endedAt ?? session.expiresAt} />
      </td>
      <td className={styles.actions}>
        {session.status !== 'ENDED' && (
          <Button size="compact-sm" variant="default" onClick={() => onEnd(session)}>
            End
            <span className="visually-hidden">
              {' '}
              the session on <bdi>{session.device.label}</bdi>
            </span>
          </Button>
        )}
      </td>
    </tr>
  );
}
