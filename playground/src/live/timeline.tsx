import { Button } from '@mantine/core';
import { alertKinds } from '../ui/alert-kinds';
import { Icon } from '../ui/icon';
import { timeOfDay } from '../ui/time';
import { type PhoneId, phoneIds } from './devices';
import type { Entry, StoryState } from './model';
import { useStory } from './story-context';
import styles from './timeline.module.css';

type AlertEntry = Extract<Entry, { type: 'alert' }>;
type RequestEntry = Extract<Entry, { type: 'request' }>;
type NoteEntry = Extract<Entry, { type: 'note' }>;

/** What passes between the devices, the latest on top. */
export function Timeline({ state: { timeline, phones } }: { state: StoryState }) {
  const story = useStory();
  const held = phoneIds.some((id) => phones[id].stage === 'active');
  return (
    <>
      <header className={styles.head}>
        <h2 id="between">What passes</h2>
        <Button
          size="compact-sm"
          variant="default"
          disabled={!held}
          leftSection={<Icon name="person" size={14} />}
          onClick={() => void story.strangerTries()}
        >
          A stranger tries
        </Button>
      </header>
      {timeline.length === 0 ? (
        <Beginning />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it only if it can have the focus.
        <ol className={styles.list} aria-label="What passes, latest first" tabIndex={0}>
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

function Beginning() {
  return (
    <ol className={styles.beginning}>
      <li>
        <strong>Sign up on Device 1.</strong> It gets a token, and listens for alerts.
      </li>
      <li>
        <strong>Log in on Device 2.</strong> Device 1 hears of it at once: which device, from where, and when.
      </li>
      <li>
        <strong>Choose another policy</strong> above, or cut a device off, let alerts pass, and see them replayed.
      </li>
    </ol>
  );
}

function Alert({ entry: { alert, heard } }: { entry: AlertEntry }) {
  const { title, tone, icon } = alertKinds[alert.kind];
  return (
    <article className={styles.alert} data-tone={tone} aria-label={`Alert ${alert.sequence}: ${title}`}>
      <span className={styles.sign}>
        <Icon name={icon} size={18} />
      </span>
      <div className={styles.what}>
        <p className={styles.title}>
          <strong>{title}</strong>
          <time dateTime={alert.createdAt}>{timeOfDay(alert.createdAt)}</time>
        </p>
        <p className={styles.kind}>
          <span>#{alert.sequence}</span> <code>{alert.kind}</code>
        </p>
        {alert.attempt && (
          <p className={styles.device}>
            {alert.attempt.device.label} at {alert.attempt.ipAddress}
          </p>
        )}
        <Heard heard={heard} />
      </div>
    </article>
  );
}

function Heard({ heard }: { heard: AlertEntry['heard'] }) {
  const hearers = phoneIds.filter((id) => heard[id]);
  if (hearers.length === 0) return <p className={styles.unheard}>In the log. No device has heard it.</p>;
  return (
    <p className={styles.heard}>
      {hearers.map((id) => (
        <span key={id} className={styles.hearer} data-device={id}>
          <Icon name="check" size={13} />
          {heard[id] === 'replayed' ? `Replayed to Device ${id}` : `Device ${id} heard it`}
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
