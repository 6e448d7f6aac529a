import styles from './code.module.css';
import { type Piece, tokens } from './tokens';

/** GraphQL or JSON, in colours. It can be scrolled with the keyboard, so it has a name. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <pre className={styles.code} tabIndex={0} role="region" aria-label={label}>
      <code>{tokens(text).map(colour)}</code>
    </pre>
  );
}

function colour({ kind, text }: Piece, index: number) {
  return kind === 'plain' ? (
    text
  ) : (
    <span key={index} className={styles[kind]}>
      {text}
    </span>
  );
}
