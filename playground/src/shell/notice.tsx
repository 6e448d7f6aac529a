import { useAccess } from '../api/access';
import styles from './notice.module.css';

/** Says whom the server trusts. */
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
        'This server has a service key. Show it, or a token, to see more than your own doing.'}
      {credential.kind === 'key' &&
        'You act as the service. The key is in this page’s memory only, and gone with a reload.'}
      {credential.kind === 'token' &&
        'You act as one session. Its token is in this page’s memory only, and gone with a reload.'}
    </p>
  );
}
