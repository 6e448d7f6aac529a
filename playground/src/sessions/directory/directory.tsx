import { TextInput } from '@mantine/core';
import { useState } from 'react';
import pageStyles from '../sessions-page.module.css';
import { ActiveSessions } from './active-sessions';
import styles from './directory.module.css';
import { EventList } from './event-list';
import type { FeedState } from './follow-sessions';
import { useActiveSessions } from './use-active-sessions';
import { UserList } from './user-list';

const states: Record<FeedState, { label: string; tone: string }> = {
  connecting: { label: 'Connecting', tone: 'warning' },
  open: { label: 'Live', tone: 'good' },
  lost: { label: 'Connection lost, trying again', tone: 'bad' },
  refused: { label: 'Not live', tone: 'bad' },
};

/** The active sessions and the users of the server, for the service. */
export function Directory({ secret }: { secret: string | null }) {
  const { listing, status, feed, readMore, retry } = useActiveSessions(secret);
  const [filter, setFilter] = useState('');
  const { label, tone } = states[feed.state];
  return (
    <>
      <div className={styles.bar}>
        <TextInput
          label="Filter"
          description="By name, number, device or address, among the rows below"
          type="search"
          autoComplete="off"
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
        <span className={pageStyles.live} data-tone={tone} role="status">
          {label}
        </span>
      </div>
      <ActiveSessions
        listing={listing}
        status={status}
        filter={filter}
        secret={secret}
        onReadMore={readMore}
        onRetry={retry}
      />
      <div className={styles.columns}>
        <UserList key={secret} filter={filter} secret={secret} />
        <EventList entries={listing.entries} feed={feed} />
      </div>
    </>
  );
}
