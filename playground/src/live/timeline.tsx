import { Button } from '@mantine/core';
import { useDemo } from '../demo/demo-context';
import { type PhoneId, phoneIds } from '../demo/devices';
import type { DemoState, Entry } from '../demo/model';
import { alertKinds } from '../ui/alert-kinds';
import { Icon } from '../ui/icon';
import { timeOfDay } from '../ui/time';
import styles from './timeline.module.css';

type AlertEntry = Extract<Entry, { type: 'alert' }>;
type RequestEntry = Extract<Entry, { type: 'request' }>;
type NoteEntry = Extract<Entry, { type: 'note' }>;

/** The requests of the devices and the alerts that they cause, the latest on top. */
export function Timeline({ state: { timeline, phones } }: { state: DemoState }) {
  const demo = useDemo();
  const hasActiveSession = phoneIds.some((id) => phones[id].stage === 'active');
  return (
    <>
      <header className={styles.head}>
        <h2 id="timeline">Timeline</h2>
        <Button
          size="compact-sm"
          variant="default"
          disabled={!hasActiveSession}
          leftSection={<Icon name="person" size={14} />}
          onClick={() => void demo.logInAsStranger()}
        >
          Log in as a stranger
        </Button>
      </header>
      {timeline.length === 0 ? (
        <FirstSteps />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it only if it can have the focus.
        <ol className={styles.list} aria-label="Timeline, latest first" tabIndex={0}>
          {timeline.map((entry) => (
            <li key={entry.id} className={styles.entry}>
              {entry.type === 'alert' && <Alert entry={entry} />}
              {entry.type === 'request' && <Request entry={entry} />}
              {entry.type === 'note' && <Note entry={entry} />}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function FirstSteps() {
  return (
    <ol className={styles.firstSteps}>
      <li>
        <strong>Sign up on Device 1.</strong> It receives a token and listens for alerts.
      </li>
      <li>
        <strong>Log in on Device 2.</strong> Device 1 gets an alert at once, with the device, the address and the time.
      </li>
      <li>
        <strong>Choose another policy.</strong> Device 2 then takes over, or waits for approval.
      </li>
      <li>
        <strong>Disconnect a device.</strong> Log in as a stranger, and reconnect: the device receives the missed
        alerts.
      </li>
    </ol>
  );
}

function Alert({ entry: { alert, receivedBy } }: { entry: AlertEntry }) {
  const { title, tone, icon } = alertKinds[alert.kind];
  return (
    <article className={styles.alert} data-tone={tone} aria-label={`Alert ${alert.sequence}: ${title}`}>
      <span className={styles.alertIcon}>
        <Icon name={icon} size={18} />
      </span>
      <div className={styles.details}>
        <p className={styles.title}>
          <strong>{title}</strong>
          <time dateTime={alert.createdAt}>{timeOfDay(alert.createdAt)}</time>
        </p>
        <p className={styles.kind}>
          <span>#{alert.sequence}</span> <code>{alert.kind}</code>
        </p>
        {alert.attempt && (
          <p className={styles.device}>
            <bdi>{alert.attempt.device.label}</bdi> at {alert.attempt.ipAddress}
          </p>
        )}
        <Receipts receivedBy={receivedBy} />
      </div>
    </article>
  );
}

function Receipts({ receivedBy }: { receivedBy: AlertEntry['receivedBy'] }) {
  const receivers = phoneIds.filter((id) => receivedBy[id]);
  if (receivers.length === 0) return <p className={styles.unreceived}>In the log. No device has received it.</p>;
  return (
    <p className={styles.receipts}>
      {receivers.map((id) => (
        <span key={id} className={styles.receipt} data-device={id}>
          <Icon name="check" size={13} />
          {receivedBy[id] === 'replayed' ? `Replayed to Device ${id}` : `Device ${id} received it`}
        </span>
      ))}
    </p>
  );
}

function sideOf(from: PhoneId | 'stranger') {
  return from === 'stranger' ? 'middle' : from === 1 ? 'left' : 'right';
}

function Request({ entry: { from, text, outcome, tone, at } }: { entry: RequestEntry }) {
  const side = sideOf(from);
  return (
    <p className={styles.request} data-side={side} data-device={from}>
      {side === 'left' && <Icon name="right" size={15} />}
      {side === 'right' && <Icon name="left" size={15} />}
      <span>
        <strong>{from === 'stranger' ? 'A stranger' : `Device ${from}`}</strong> {text}
      </span>
      {outcome && (
        <span className={styles.outcome} data-tone={tone}>
          {outcome}
        </span>
      )}
      <time>{timeOfDay(at)}</time>
    </p>
  );
}

function Note({ entry: { phone, text, tone, at } }: { entry: NoteEntry }) {
  return (
    <p className={styles.note} data-side={sideOf(phone)} data-device={phone} data-tone={tone}>
      <span>
        <strong>Device {phone}</strong> {text}
      </span>
      <time>{timeOfDay(at)}</time>
    </p>
  );
}
