import { useNow } from '../ui/use-now';
import { type PhoneId, phoneIds } from './devices';
import styles from './jump-bar.module.css';
import { isAsked, type Phone } from './model';

const stages: Record<Phone['stage'], string> = {
  out: 'Logged out',
  pending: 'Waits',
  active: 'Logged in',
  ended: 'Signed out',
};

/** On a narrow screen the phones stand one below the other: this shows both, and leads to either. */
export function JumpBar({ phones }: { phones: Readonly<Record<PhoneId, Phone>> }) {
  const now = useNow(500);
  return (
    <nav className={styles.bar} aria-label="Devices">
      <div className={styles.devices}>
        {phoneIds.map((id) => {
          const { stage, received } = phones[id];
          return (
            <a key={id} href={`#device-${id}`} data-device={id}>
              <span>
                <strong>Device {id}</strong> {isAsked(phones[id], now) ? 'Asked' : stages[stage]}
              </span>
              {received.length > 0 && (
                <span key={received.length} className={styles.count}>
                  {received.length}{' '}
                  <span className="visually-hidden">{received.length === 1 ? 'alert' : 'alerts'}</span>
                </span>
              )}
            </a>
          );
        })}
      </div>
    </nav>
  );
}
