import { Link } from 'wouter';
import { pageNames, pages } from '../shared/pages';
import styles from './not-found.module.css';

const purposes = {
  live: 'two phones, one active session, and the alert between them',
  explore: 'the API, with the steps of an app to run',
  sessions: 'the sessions and alerts of a user',
};

/** The page of a path that does not exist. */
export function NotFound({ path }: { path: string }) {
  return (
    <div className={styles.page}>
      <p className={styles.code}>404</p>
      <h1>This page does not exist</h1>
      <p>
        Nothing is at <bdi className={styles.path}>{path}</bdi>. You may be looking for one of these:
      </p>
      <ul>
        {pageNames.map((name) => (
          <li key={name}>
            <Link href={pages[name].path}>{pages[name].label}</Link>: {purposes[name]}
          </li>
        ))}
      </ul>
    </div>
  );
}
