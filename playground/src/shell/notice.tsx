import { useAccess } from '../api/access';
import styles from './notice.module.css';

/** Shows how the server authenticates this page. */
export function Notice() {
  const { developmentMode, credential } = useAccess();
  if (developmentMode === null) return <p className={styles.notice}>&nbsp;</p>;
  if (developmentMode) {
    return (
      <p className={`${styles.notice} ${styles.warning}`} role="status">
        <strong>Development mode.</strong> No service key is set: whoever sends no token counts as the service.
      </p>
    );
  }
  return (
    <p className={styles.notice} role="status">
      {credential.kind === 'none' &&
        'This server has a service key. Enter the key to act as the service, or a session token to act as that session.'}
      {credential.kind === 'key' &&
        'You act as the service. This page keeps the key in memory only: a reload removes it.'}
      {credential.kind === 'token' &&
        'You act as one session. This page keeps its token in memory only: a reload removes it.'}
    </p>
  );
}
