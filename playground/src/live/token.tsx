import type { Phone } from '../demo/model';
import { Icon } from '../ui/icon';
import styles from './token.module.css';

const states = {
  active: { label: 'Valid', tone: 'good' },
  pending: { label: 'Not valid yet', tone: 'warning' },
  ended: { label: 'No longer valid', tone: 'bad' },
  none: { label: '', tone: 'plain' },
};

/** The phone's token, shortened, and whether it is valid. */
export function Token({ phone: { token, stage } }: { phone: Phone }) {
  if (!token) {
    return (
      <p className={styles.token} data-tone="plain">
        <Icon name="key" size={15} />
        <span>No token</span>
      </p>
    );
  }
  const { label, tone } = states[stage];
  return (
    <p className={styles.token} data-tone={tone}>
      <Icon name="key" size={15} />
      <span className="visually-hidden">Token</span>
      {stage === 'ended' ? <s>{short(token)}</s> : <span className={styles.text}>{short(token)}</span>}
      <strong>{label}</strong>
    </p>
  );
}

function short(token: string): string {
  return `${token.slice(0, 8)}…${token.slice(-4)}`;
}
