import styles from './footer.module.css';

export function Footer() {
  return (
    <footer className={styles.footer}>
      <a href="/schema.graphql">The API’s schema</a>
      <a href="/licenses.md">Licences of what this page is made of</a>
    </footer>
  );
}
