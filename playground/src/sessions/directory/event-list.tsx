import { endReasonText, type Tone } from '../../ui/alert-kinds';
import { timeOfDay } from '../../ui/time';
import pageStyles from '../sessions-page.module.css';
import tableStyles from '../table.module.css';
import styles from './directory.module.css';
import type { FeedEntry, SessionEvent } from './model';
import { withAdvice } from './read-more';
import type { Feed } from './use-active-sessions';

const kinds: Record<SessionEvent['kind'], { title: string; tone: Tone }> = {
  SESSION_ACTIVE: { title: 'Logged in', tone: 'good' },
  SESSION_ENDED: { title: 'Ended', tone: 'plain' },
  USER_DELETED: { title: 'User deleted', tone: 'bad' },
  CAUGHT_UP: { title: 'Caught up', tone: 'plain' },
};

/** The last events of the feed of all users. */
export function EventList({ entries, feed }: { entries: readonly FeedEntry[]; feed: Feed }) {
  return (
    <section className={pageStyles.list} aria-labelledby="live-feed">
      <h2 id="live-feed">Live feed</h2>
      {feed.state === 'refused' && (
        <p className={tableStyles.none} role="alert">
          {withAdvice(feed.reason ?? 'The server has refused the feed.')}
        </p>
      )}
      {entries.length === 0 && feed.state !== 'refused' && (
        <p className={tableStyles.none}>Logins and ends of sessions appear here as they happen.</p>
      )}
      <ol className={styles.events}>
        {entries.map(({ event, user }) => (
          <li key={event.cursor} className={tableStyles.fresh}>
            <span className={tableStyles.status} data-tone={kinds[event.kind]?.tone}>
              {kinds[event.kind]?.title ?? event.kind}
            </span>
            <span className={styles.who}>
              {user ? <bdi>{user.username}</bdi> : 'A user'}
              {event.endReason && <span className={tableStyles.second}>{endReasonText(event.endReason, null)}</span>}
            </span>
            <time dateTime={event.createdAt}>{timeOfDay(event.createdAt)}</time>
          </li>
        ))}
      </ol>
    </section>
  );
}
