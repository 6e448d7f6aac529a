import { Icon } from '../ui/icon';
import type { Phone } from './model';
import styles from './token.module.css';

const states = {
  active: { says: 'Valid', tone: 'good' },
  pending: { says: 'Not valid yet', tone: 'warning' },
  ended: { says: 'Dead', tone: 'bad' },
  out: { says: '', tone: 'plain' },
};

/** The phone's token, shortened, and whether it still opens anything. */
export function Token({ phone: { token, stage } }: { phone: Phone }) {
  if (!token) {
    return (
      <p className={styles.token} data-tone="plain">
        <Icon name="key" size={15} />
        <span>No token</span>
      </p>
    );
  }
  const { says, tone } = states[stage];
  return (
    <p className={styles.token} data-tone={tone}>
      <Icon name="key" size={15} />
      <span className="visually-hidden">Token</span>
      {stage === 'ended' ? <s>{short(token)}</s> : <span className={styles.text}>{short(token)}</span>}
      <strong>{says}</strong>
    </p>
  );
}

function short(token: string): string {
  return `${token.slice(0, 8)}…${token.slice(-4)}`;
}
