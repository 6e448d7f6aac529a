import { type PhoneId, phoneIds } from '../demo/devices';
import { hasPendingLogin, type Phone } from '../demo/model';
import { useNow } from '../ui/use-now';
import styles from './jump-bar.module.css';

const stages: Record<Phone['stage'], string> = {
  none: 'Not logged in',
  pending: 'Waiting',
  active: 'Logged in',
  ended: 'Logged out',
};

/**
 * On a narrow screen the phones are one below the other. The bar shows the state of both, and links
 * to them.
 */
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
                <strong>Device {id}</strong> {hasPendingLogin(phones[id], now) ? 'Must decide' : stages[stage]}
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
