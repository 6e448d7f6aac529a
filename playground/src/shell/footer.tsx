import { useAccess } from '../api/access';
import styles from './footer.module.css';

export function Footer() {
  const { schemaShown } = useAccess();
  return (
    <footer className={styles.footer}>
      {schemaShown && <a href="/schema.graphql">The API’s schema</a>}
      <a href="/licenses.md">Licences of what this page is made of</a>
    </footer>
  );
}
