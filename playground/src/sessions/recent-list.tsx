import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { pages, sessionsOf } from '../shared/pages';
import { Icon } from '../ui/icon';
import { formatMobile } from '../ui/mobile';
import type { RecentUser } from './recent-users';
import styles from './sessions-page.module.css';

/** The page before a look-up: the users that this browser has looked up, as links. */
export function RecentUsers({
  users,
  isStored,
  onForget,
}: {
  users: readonly RecentUser[];
  isStored: boolean;
  onForget: () => void;
}) {
  if (users.length === 0) {
    return (
      <p className={styles.hint}>
        Look up a user by mobile number, or sign up on the page <Link href={pages.live.path}>Live</Link> and return. The
        users that you look up are then listed here.
      </p>
    );
  }
  return (
    <section className={styles.list} aria-labelledby="recent-users">
      <header className={styles.listHead}>
        <h2 id="recent-users">Recent users of this browser</h2>
        <Button size="compact-sm" variant="subtle" flex="none" onClick={onForget}>
          Forget them
        </Button>
      </header>
      <ul className={styles.recent}>
        {users.map(({ mobile, username }) => (
          <li key={mobile}>
            <Link href={sessionsOf(mobile)}>
              <Icon name="person" size={16} />
              <bdi>{username}</bdi>
              <span>{formatMobile(mobile)}</span>
            </Link>
          </li>
        ))}
      </ul>
      <p className={styles.recentNote}>
        {isStored
          ? 'This browser stores the list, because the server is in development mode.'
          : 'The list is kept in memory only. A reload removes it.'}
      </p>
    </section>
  );
}
