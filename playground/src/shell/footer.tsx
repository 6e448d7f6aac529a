import { useAccess } from '../api/access';
import styles from './footer.module.css';

export function Footer() {
  const { introspection } = useAccess();
  return (
    <footer className={styles.footer}>
      {introspection && <a href="/schema.graphql">API schema</a>}
      <a href="/licenses.md">Licenses of third-party code</a>
    </footer>
  );
}
