import { useEffect, useState } from 'react';
import { type PhoneId, phoneIds } from '../demo/devices';
import { hasPendingLogin, type Phone } from '../demo/model';
import { useNow } from '../ui/use-now';
import styles from './jump-bar.module.css';
import { Notification } from './notifications';

const stages: Record<Phone['stage'], string> = {
  none: 'Not logged in',
  pending: 'Waiting',
  active: 'Logged in',
  ended: 'Logged out',
};

/** The number of a waiting phone is part of it, because the alert in the bar may cover its screen. */
function stateOf(phone: Phone, now: number): string {
  if (hasPendingLogin(phone, now)) return 'Must decide';
  return phone.matchNumber === null ? stages[phone.stage] : `Waiting, shows ${phone.matchNumber}`;
}

type Phones = Readonly<Record<PhoneId, Phone>>;

/**
 * On a narrow screen the phones are one below the other. The bar stays on top, links to both, and
 * shows their states. If an alert arrives at a phone that is out of view, the bar shows the alert.
 */
export function JumpBar({ phones }: { phones: Phones }) {
  const now = useNow(500);
  const inView = usePhonesInView();
  const peeking = usePeekingPhone(phones, inView);
  const alert = peeking === null ? undefined : phones[peeking].received[0];
  return (
    <nav className={styles.bar} aria-label="Devices">
      <div className={styles.devices}>
        {phoneIds.map((id) => {
          const { received } = phones[id];
          return (
            <a key={id} href={`#device-${id}`} data-device={id}>
              <span>
                <strong>Device {id}</strong> {stateOf(phones[id], now)}
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
      {peeking !== null && alert && (
        <div className={styles.peek} data-device={peeking}>
          <p>Now on Device {peeking}</p>
          <ul aria-label={`New on Device ${peeking}`}>
            <Notification key={alert.alert.id} phone={phones[peeking]} received={alert} brief={false} />
          </ul>
        </div>
      )}
    </nav>
  );
}

/** The phones whose heads are on the upper part of the screen: below them, the phones show their alerts. */
function usePhonesInView(): ReadonlySet<PhoneId> {
  const [inView, setInView] = useState<ReadonlySet<PhoneId>>(new Set(phoneIds));
  useEffect(() => {
    const idOf = (head: Element): PhoneId => (head.closest('#device-1') ? 1 : 2);
    const observer = new IntersectionObserver(
      (entries) =>
        setInView((before) => {
          const next = new Set(before);
          for (const { target, isIntersecting } of entries) {
            if (isIntersecting) next.add(idOf(target));
            else next.delete(idOf(target));
          }
          return next;
        }),
      // The upper part of the screen, below the bar.
      { rootMargin: '-64px 0px -35% 0px' },
    );
    for (const id of phoneIds) {
      const head = document.querySelector(`#device-${id} header`);
      if (head) observer.observe(head);
    }
    return () => observer.disconnect();
  }, []);
  return inView;
}

/** The phone with the newest alert that the visitor has not seen on it; `null` if there is none. */
function usePeekingPhone(phones: Phones, inView: ReadonlySet<PhoneId>): PhoneId | null {
  const [seen, setSeen] = useState<Partial<Record<PhoneId, string>>>({});
  useEffect(() => {
    for (const id of phoneIds) {
      const latest = phones[id].received[0]?.alert.id;
      if (latest && inView.has(id)) setSeen((before) => (before[id] === latest ? before : { ...before, [id]: latest }));
    }
  }, [phones, inView]);
  const unseen = phoneIds.filter((id) => {
    const latest = phones[id].received[0]?.alert.id;
    return latest !== undefined && latest !== seen[id] && !inView.has(id);
  });
  return unseen[0] ?? null;
}
