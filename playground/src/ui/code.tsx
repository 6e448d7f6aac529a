import styles from './code.module.css';
import { highlight, type Piece } from './highlight';

/**
 * GraphQL or JSON with syntax colors. It can be scrolled with the keyboard, so it needs a label.
 */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it only if it can have the focus.
    <section className={styles.code} tabIndex={0} aria-label={label}>
      <pre>
        <code>{highlight(text).map(color)}</code>
      </pre>
    </section>
  );
}

function color({ kind, text }: Piece, index: number) {
  return kind === 'plain' ? (
    text
  ) : (
    <span key={index} className={styles[kind]}>
      {text}
    </span>
  );
}
