import { Button } from '@mantine/core';
import { useLayoutEffect, useRef } from 'react';
import { useDemo } from '../demo/demo-context';
import { type PhoneId, phoneIds } from '../demo/devices';
import { type DemoState, placeName } from '../demo/model';
import type { Entry, Receipt } from '../demo/timeline';
import { alertKinds } from '../ui/alert-kinds';
import { Icon } from '../ui/icon';
import { softDisabled } from '../ui/soft-disabled';
import { elapsed, timeOfDay } from '../ui/time';
import { FirstSteps } from './first-steps';
import styles from './timeline.module.css';

type AlertEntry = Extract<Entry, { type: 'alert' }>;
type RequestEntry = Extract<Entry, { type: 'request' }>;
type NoteEntry = Extract<Entry, { type: 'note' }>;

/** The requests of the devices and the alerts that they cause, as a sequence between the phones. */
export function Timeline({ state: { timeline, registered } }: { state: DemoState }) {
  const demo = useDemo();
  return (
    <>
      <header className={styles.head}>
        <h2 id="timeline">Timeline</h2>
        <Button
          size="compact-sm"
          variant="default"
          {...softDisabled(!registered)}
          leftSection={<Icon name="person" size={14} />}
          onClick={() => registered && void demo.logInAsStranger()}
        >
          A stranger tries
        </Button>
      </header>
      {timeline.length === 0 ? <FirstSteps /> : <Sequence timeline={timeline} />}
    </>
  );
}

/** How far from its end the list may be scrolled, in pixels, and still follow new entries. */
const FOLLOW_DISTANCE = 80;

function Sequence({ timeline }: { timeline: readonly Entry[] }) {
  const list = useRef<HTMLOListElement>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a changed entry may be taller.
  useLayoutEffect(() => {
    const element = list.current;
    if (element && follows.current) element.scrollTop = element.scrollHeight;
  }, [timeline]);
  return (
    <div className={styles.sequence}>
      <p className={styles.lanes} aria-hidden="true">
        <span>Device 1</span>
        <span>sessiond</span>
        <span>Device 2</span>
      </p>
      <ol
        ref={list}
        className={styles.list}
        aria-label="Timeline, from cause to effect"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it only if it can have the focus.
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE;
        }}
      >
        {timeline.map((entry) => (
          <li key={entry.id} className={styles.entry}>
            {entry.type === 'alert' && <Alert entry={entry} />}
            {entry.type === 'request' && <Request entry={entry} />}
            {entry.type === 'note' && <Note entry={entry} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Alert({ entry: { alert, receivedBy } }: { entry: AlertEntry }) {
  const { title, tone, icon } = alertKinds[alert.kind];
  const receivers = phoneIds.filter((id) => receivedBy[id]);
  const side = receivers.length === 1 ? sideOf(receivers[0] ?? 'stranger') : 'middle';
  return (
    <article
      className={styles.alert}
      data-side={side}
      data-tone={tone}
      aria-label={`Alert ${alert.sequence}: ${title}`}
    >
      <span className={styles.alertIcon}>
        <Icon name={icon} size={17} />
      </span>
      <div className={styles.details}>
        <p className={styles.title}>
          <strong>{title}</strong>
          <time dateTime={alert.createdAt}>{timeOfDay(alert.createdAt)}</time>
        </p>
        {alert.attempt ? (
          <p className={styles.device}>
            <bdi>{alert.attempt.device.label}</bdi> at {alert.attempt.ipAddress}
            {placeName(alert.attempt.place) && <>, {placeName(alert.attempt.place)}</>}
          </p>
        ) : (
          <p className={styles.device}>{alert.message}</p>
        )}
        {receivers.length === 0 ? (
          <p className={styles.unreceived}>In the log. No device has received it.</p>
        ) : (
          <p className={styles.receipts}>
            {receivers.map((id) => {
              const receipt = receivedBy[id];
              return receipt && <ReceiptLabel key={id} id={id} receipt={receipt} />;
            })}
          </p>
        )}
      </div>
    </article>
  );
}

function ReceiptLabel({ id, receipt: { how, delay } }: { id: PhoneId; receipt: Receipt }) {
  return (
    <span className={styles.receipt} data-device={id}>
      <Icon name="check" size={13} />
      {how === 'replayed' ? `Replayed to Device ${id}` : `Device ${id} received it`}
      {delay !== null && ` ${elapsed(delay)} later`}
    </span>
  );
}

type Sender = RequestEntry['from'];

function sideOf(from: Sender) {
  return from === 1 ? 'left' : from === 2 ? 'right' : 'middle';
}

function nameOf(from: Sender): string {
  if (from === 'stranger') return 'A stranger';
  return from === 'service' ? 'The bank’s back end' : `Device ${from}`;
}

function Request({ entry: { from, text, outcome, tone, at } }: { entry: RequestEntry }) {
  const side = sideOf(from);
  return (
    <p className={styles.request} data-side={side} data-device={from}>
      {side === 'right' && <Icon name="left" size={15} />}
      <span>
        <strong>{nameOf(from)}</strong> {text}
      </span>
      {outcome && (
        <span className={styles.outcome} data-tone={tone}>
          {outcome}
        </span>
      )}
      <time>{timeOfDay(at)}</time>
      {side === 'left' && <Icon name="right" size={15} />}
    </p>
  );
}

function Note({ entry: { phone, text, tone, at, failures } }: { entry: NoteEntry }) {
  return (
    <p className={styles.note} data-side={sideOf(phone)} data-device={phone} data-tone={tone}>
      <span>
        <strong>Device {phone}</strong> {text}
        {failures > 1 && <span className={styles.failures}>{failures} attempts failed</span>}
      </span>
      <time>{timeOfDay(at)}</time>
    </p>
  );
}
