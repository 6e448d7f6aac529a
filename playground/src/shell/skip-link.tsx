import type { RefObject } from 'react';
import styles from './skip-link.module.css';

/** The first element that Tab reaches. It leads past the header. */
export function SkipLink({ main }: { main: RefObject<HTMLElement | null> }) {
  return (
    <button type="button" className={styles.skip} onClick={() => main.current?.focus()}>
      Skip to the content
    </button>
  );
}
