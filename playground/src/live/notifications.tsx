import { Button } from '@mantine/core';
import { useId } from 'react';
import { serverClock } from '../api/clock';
import { useDemo } from '../demo/demo-context';
import { type Attempt, type Phone, placeName, type ReceivedAlert } from '../demo/model';
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
  const shown = alertsToShow(phone);
  const earlier = phone.received.length - shown.length;
  return (
    <div className={styles.shade}>
      <ul className={styles.list} aria-label={`Alerts on Device ${phone.id}`}>
        {shown.map((received, index) => (
          <Notification
            key={received.alert.id}
            phone={phone}
            received={received}
            brief={isPending(received) ? false : index > 0 || shown.some(isPending)}
          />
        ))}
      </ul>
      {earlier > 0 && <p className={styles.earlier}>and {earlier} earlier</p>}
    </div>
  );
}

/** The latest alerts. If one of them waits for a decision, its buttons need the place of the others. */
function alertsToShow({ received }: Phone): readonly ReceivedAlert[] {
  const pending = received.find(isPending);
  if (!pending) return received.slice(0, MAX_SHOWN);
  const [latest] = received;
  return latest && latest !== pending ? [latest, pending] : [pending];
}

function isPending({ waitsUntil }: ReceivedAlert): boolean {
  return waitsUntil !== null;
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
        {alert.attempt && <Origin attempt={alert.attempt} />}
        {replayed && <p className={styles.replayed}>Replayed after the device reconnected</p>}
        {received.decision === 'WRONG_NUMBER' && <p className={styles.wrong}>{decisions.WRONG_NUMBER}</p>}
        {!brief && <Answer phone={phone} received={received} />}
      </div>
    </li>
  );
}

/** Where a login came from, and what is unusual about it. */
function Origin({ attempt: { device, ipAddress, place, isNewDevice, isNewPlace } }: { attempt: Attempt }) {
  const name = placeName(place);
  return (
    <>
      <p className={styles.from}>
        <bdi>{device.label}</bdi>
        <br />
        {ipAddress}
        {name && <> · {name}</>}
      </p>
      {(isNewDevice || isNewPlace) && (
        <p className={styles.marks}>
          {isNewDevice && <span>New device</span>}
          {isNewPlace && <span>Another country</span>}
        </p>
      )}
    </>
  );
}

/** The buttons to answer an alert about a login, and then the result. */
function Answer({ phone, received: { alert, waitsUntil, decision } }: { phone: Phone; received: ReceivedAlert }) {
  const now = useNow(500);
  // A wrong number is shown in any case, because the alert of the denial follows at once.
  if (decision === 'WRONG_NUMBER') return null;
  if (decision) return <p className={styles.from}>{decisions[decision]}</p>;
  if (phone.stage !== 'active' || !alert.attempt) return null;
  if (waitsUntil === null) return alert.kind === 'LOGIN_REFUSED' ? <NotMe phone={phone} /> : null;
  if (Date.parse(waitsUntil) <= now) return <p className={styles.from}>The login expired before a decision.</p>;
  return <Question phone={phone} alert={alert} choices={alert.attempt.matchChoices} waitsUntil={waitsUntil} />;
}

const decisions: Record<NonNullable<ReceivedAlert['decision']>, string> = {
  APPROVE: 'You approved this login.',
  DENY: 'You denied this login.',
  WRONG_NUMBER: 'The other device shows another number, so the login was denied.',
};

/** Asks for the number that the waiting device shows, or for a plain approval if matching is off. */
function Question({
  phone,
  alert,
  choices,
  waitsUntil,
}: {
  phone: Phone;
  alert: ReceivedAlert['alert'];
  choices: readonly number[] | null;
  waitsUntil: string;
}) {
  const demo = useDemo();
  const label = useId();
  const approve = (number: number | null) => void demo.decide(phone.id, alert, 'APPROVE', number);
  return (
    <>
      {choices && (
        <>
          <p id={label} className={styles.ask}>
            Is this you? Tap the number on that device.
          </p>
          {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is a group of form controls. */}
          <div role="group" aria-labelledby={label} className={styles.choices}>
            {choices.map((number) => (
              <Button
                key={number}
                size="compact-md"
                className={styles.approve}
                disabled={phone.busy}
                onClick={() => approve(number)}
              >
                {number}
              </Button>
            ))}
          </div>
        </>
      )}
      <div className={styles.question}>
        {!choices && (
          <Button size="compact-sm" className={styles.approve} disabled={phone.busy} onClick={() => approve(null)}>
            Approve
          </Button>
        )}
        <Button
          size="compact-sm"
          variant="default"
          disabled={phone.busy}
          onClick={() => void demo.decide(phone.id, alert, 'DENY')}
        >
          Deny
        </Button>
        <NotMe phone={phone} />
        <span className={styles.left} role="timer" aria-label="Time left to decide">
          {remaining(serverClock.until(waitsUntil))}
        </span>
      </div>
    </>
  );
}

/** The button of a person who did not try to log in. The page asks before it freezes the account. */
function NotMe({ phone }: { phone: Phone }) {
  const demo = useDemo();
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      className={styles.notMe}
      disabled={phone.busy}
      onClick={() => demo.askToFreeze(phone.id)}
    >
      It wasn’t me
    </Button>
  );
}
