import { Button } from '@mantine/core';
import { serverClock } from '../api/clock';
import { Icon } from '../ui/icon';
import { remaining, timeOfDay } from '../ui/time';
import { useNow } from '../ui/use-now';
import { spaced } from './demo-user';
import { farewell, type Phone } from './model';
import styles from './screens.module.css';
import { useStory, useStoryState } from './story-context';
import { Token } from './token';

/** What the bank's app shows. */
export function Screen({ phone }: { phone: Phone }) {
  return (
    <div className={styles.app}>
      {phone.stage === 'out' && <Door phone={phone} title="Welcome" />}
      {phone.stage === 'ended' && <Door phone={phone} title="Signed out" why={farewell(phone.endReason)} />}
      {phone.stage === 'pending' && <Waiting phone={phone} />}
      {phone.stage === 'active' && <Home phone={phone} />}
      <Token phone={phone} />
    </div>
  );
}

/** Before a session, and after it. */
function Door({ phone, title, why }: { phone: Phone; title: string; why?: string }) {
  const story = useStory();
  const { registered, user } = useStoryState();
  const go = () => void (registered ? story.logIn(phone.id) : story.signUp(phone.id));
  return (
    <div className={styles.door}>
      <span className={styles.seal} data-ended={why ? true : undefined}>
        <Icon name={why ? 'cross' : 'shield'} size={30} />
      </span>
      <h3>{title}</h3>
      <p className={styles.quiet}>{why ?? `${user.username} · ${spaced(user.mobile)}`}</p>
      <Message phone={phone} />
      <Button fullWidth size="md" radius="xl" className={styles.go} loading={phone.busy} onClick={go}>
        {registered ? 'Log in' : 'Sign up'}
      </Button>
    </div>
  );
}

function Waiting({ phone }: { phone: Phone }) {
  useNow(500);
  const left = phone.expiresAt ? serverClock.until(phone.expiresAt) : 0;
  return (
    <div className={styles.door}>
      <span className={styles.ring}>
        <span role="timer" aria-label="Time left to be approved">
          {remaining(left)}
        </span>
      </span>
      <h3>Waiting for approval</h3>
      <p className={styles.quiet}>The device that holds the session has been asked.</p>
    </div>
  );
}

function Home({ phone }: { phone: Phone }) {
  const story = useStory();
  const { user } = useStoryState();
  return (
    <div className={styles.home}>
      <Message phone={phone} />
      <div className={styles.card}>
        <p className={styles.owner}>
          <span>{user.username}</span>
          <span className={styles.live}>Active session</span>
        </p>
        <p className={styles.number}>{spaced(user.mobile)}</p>
        <p className={styles.where}>
          <span>{phone.device}</span>
          <span>{phone.address}</span>
        </p>
      </div>
      <p className={styles.until}>{phone.expiresAt && `Ends by itself at ${timeOfDay(phone.expiresAt)}`}</p>
      <div className={styles.actions}>
        <Button variant="default" radius="xl" disabled={phone.busy} onClick={() => void story.check(phone.id, true)}>
          Check token
        </Button>
        <Button variant="default" radius="xl" disabled={phone.busy} onClick={() => void story.logOut(phone.id)}>
          Log out
        </Button>
      </div>
    </div>
  );
}

function Message({ phone: { message } }: { phone: Phone }) {
  if (!message) return null;
  return (
    <p className={styles.message} data-tone={message.tone} role="status">
      {message.text}
    </p>
  );
}
