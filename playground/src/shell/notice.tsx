import { useAccess } from '../api/access';
import styles from './notice.module.css';

/** Shows how the server authenticates this page. */
export function Notice() {
  const { developmentMode, credential } = useAccess();
  if (developmentMode === null) return <p className={styles.notice}>&nbsp;</p>;
  if (developmentMode) {
    return (
      <p className={`${styles.notice} ${styles.warning}`} role="status">
        <strong>Development mode.</strong> No service key is set, so anyone is trusted as the service.
      </p>
    );
  }
  return (
    <p className={styles.notice} role="status">
      {credential.kind === 'none' &&
        'This server has a service key. Enter it, or a session token, to see more than your own requests.'}
      {credential.kind === 'key' &&
        'You act as the service. The key is in the memory of this page only. A reload removes it.'}
      {credential.kind === 'token' &&
        'You act as one session. Its token is in the memory of this page only. A reload removes it.'}
    </p>
  );
}
