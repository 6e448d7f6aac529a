import { Button } from '@mantine/core';
import { serverClock } from '../api/clock';
import { useDemo } from '../demo/demo-context';
import type { Phone, ReceivedAlert } from '../demo/model';
import { alertKinds } from '../ui/alert-kinds';
import { Icon } from '../ui/icon';
import { remaining, timeOfDay } from '../ui/time';
import { useNow } from '../ui/use-now';
import styles from './notifications.module.css';

/** More do not fit above the app. Earlier alerts are in the timeline. */
const MAX_SHOWN = 3;

/** The alerts that a phone has received, the latest on top. */
export function Notifications({ phone }: { phone: Phone }) {
  if (phone.received.length === 0) return null;
  const earlier = phone.received.length - MAX_SHOWN;
  return (
    <div className={styles.shade}>
      <ul className={styles.list} aria-label={`Alerts on Device ${phone.id}`}>
        {phone.received.slice(0, MAX_SHOWN).map((received, index) => (
          <Notification key={received.alert.id} phone={phone} received={received} brief={index > 0} />
        ))}
      </ul>
      {earlier > 0 && <p className={styles.earlier}>and {earlier} earlier</p>}
    </div>
  );
}

/** One alert, with the buttons to decide if it asks for a decision. */
export function Notification({ phone, received, brief }: { phone: Phone; received: ReceivedAlert; brief: boolean }) {
  const { alert, replayed } = received;
  const { title, tone, icon } = alertKinds[alert.kind];
  return (
    <li className={styles.card} data-tone={tone} data-brief={brief || undefined}>
      <span className={styles.icon}>
        <Icon name={icon} size={17} />
      </span>
      <div className={styles.body}>
        <p className={styles.title}>
          <strong>{title}</strong>
          <time dateTime={alert.createdAt}>{timeOfDay(alert.createdAt)}</time>
        </p>
        {alert.attempt && (
          <p className={styles.from}>
            <bdi>{alert.attempt.device.label}</bdi>
            <br />
            {alert.attempt.ipAddress}
          </p>
        )}
        {replayed && <p className={styles.replayed}>Replayed after the device reconnected</p>}
        <Decision phone={phone} received={received} />
      </div>
    </li>
  );
}

/** The buttons to decide on a pending login, and then the result. */
function Decision({ phone, received: { alert, waitsUntil, decision } }: { phone: Phone; received: ReceivedAlert }) {
  const demo = useDemo();
  const now = useNow(500);
  if (decision)
    return (
      <p className={styles.from}>{decision === 'APPROVE' ? 'You approved this login.' : 'You denied this login.'}</p>
    );
  if (waitsUntil === null || phone.stage !== 'active') return null;
  const left = Math.max(0, Date.parse(waitsUntil) - now);
  if (left === 0) return <p className={styles.from}>The login expired before a decision.</p>;
  return (
    <div className={styles.question}>
      <Button
        size="compact-sm"
        className={styles.approve}
        disabled={phone.busy}
        onClick={() => void demo.decide(phone.id, alert, 'APPROVE')}
      >
        Approve
      </Button>
      <Button
        size="compact-sm"
        variant="default"
        disabled={phone.busy}
        onClick={() => void demo.decide(phone.id, alert, 'DENY')}
      >
        Deny
      </Button>
      <span className={styles.left} role="timer" aria-label="Time left to decide">
        {remaining(serverClock.until(waitsUntil))}
      </span>
    </div>
  );
}
