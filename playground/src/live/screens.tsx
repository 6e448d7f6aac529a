import { Button } from '@mantine/core';
import { useAccess } from '../api/access';
import { serverClock } from '../api/clock';
import { useDemo, useDemoState } from '../demo/demo-context';
import { endText, hasPendingLogin, type Phone } from '../demo/model';
import { Icon } from '../ui/icon';
import { formatMobile } from '../ui/mobile';
import { remaining, timeOfDay } from '../ui/time';
import { useNow } from '../ui/use-now';
import styles from './screens.module.css';
import { Token } from './token';

/** The screen of the bank's app. */
export function Screen({ phone }: { phone: Phone }) {
  const { frozen } = useDemoState();
  return (
    <div className={styles.app}>
      {phone.stage === 'none' && <LoginScreen phone={phone} title="Welcome" />}
      {phone.stage === 'ended' && (
        <LoginScreen phone={phone} title={endTitle(phone, frozen)} reason={endSentence(phone, frozen)} />
      )}
      {phone.stage === 'pending' && <PendingLogin phone={phone} />}
      {phone.stage === 'active' && <Home phone={phone} />}
      <Token phone={phone} />
    </div>
  );
}

function endTitle({ endReason }: Phone, frozen: boolean): string {
  if (endReason === 'NOT_APPROVED') return 'Not logged in';
  return endReason === 'FROZEN' && frozen ? 'Account frozen' : 'Logged out';
}

function endSentence({ endReason, endedBy }: Phone, frozen: boolean): string {
  const isOver = endReason === 'FROZEN' && !frozen;
  return isOver ? 'Every device was logged out when the account was frozen.' : endText(endReason, endedBy);
}

/** The screen before a session, and after it. */
function LoginScreen({ phone, title, reason }: { phone: Phone; title: string; reason?: string }) {
  const demo = useDemo();
  const { registered, user, frozen } = useDemoState();
  // The mode decides whether a question comes before the sign-up.
  const { developmentMode, isService } = useAccess();
  const submit = () => void (registered ? demo.logIn(phone.id) : demo.signUp(phone.id));
  return (
    <div className={styles.centered}>
      <span className={styles.emblem} data-ended={reason ? true : undefined}>
        <Icon name={reason ? 'cross' : 'shield'} size={30} />
      </span>
      <h3>{title}</h3>
      <p className={styles.quiet}>{reason ?? `${user.username} · ${formatMobile(user.mobile)}`}</p>
      <Message phone={phone} />
      <Pause phone={phone} />
      <Button
        fullWidth
        size="md"
        radius="xl"
        className={styles.submit}
        disabled={developmentMode === null}
        loading={phone.busy}
        onClick={submit}
      >
        {registered ? 'Log in' : 'Sign up'}
      </Button>
      {frozen && <Frozen phone={phone} isService={isService} />}
    </div>
  );
}

/** How long the phone must wait before it may ask again. */
function Pause({ phone: { retryAt } }: { phone: Phone }) {
  useNow(500);
  if (retryAt === null) return null;
  const left = retryAt - Date.now();
  return (
    <p className={styles.message} data-tone="warning">
      {left > 0 ? (
        <>
          You can ask again in{' '}
          <span role="timer" aria-label="Time until the next attempt">
            {remaining(left)}
          </span>
          .
        </>
      ) : (
        'You can ask again now.'
      )}
    </p>
  );
}

/** How to get out of a freeze. */
function Frozen({ phone, isService }: { phone: Phone; isService: boolean }) {
  const demo = useDemo();
  if (!isService) return <p className={styles.quiet}>Only the service can end the freeze, or a day must pass.</p>;
  return (
    <Button
      size="compact-md"
      variant="default"
      radius="xl"
      disabled={phone.busy}
      onClick={() => void demo.unfreeze(phone.id)}
    >
      End the freeze, as the bank
    </Button>
  );
}

function PendingLogin({ phone: { expiresAt, matchNumber, holder } }: { phone: Phone }) {
  useNow(500);
  const left = remaining(expiresAt ? serverClock.until(expiresAt) : 0);
  const timer = (
    <span role="timer" aria-label="Time left for the approval">
      {left}
    </span>
  );
  const other = holder?.device ?? 'your other device';
  return (
    <div className={styles.centered}>
      <span className={styles.ring} data-number={matchNumber !== null || undefined}>
        {matchNumber ?? timer}
      </span>
      <h3>Waiting for approval</h3>
      <p className={styles.quiet}>
        {matchNumber === null ? (
          <>
            Approve this login on <bdi>{other}</bdi>.
          </>
        ) : (
          <>
            Tap <strong>{matchNumber}</strong> on <bdi>{other}</bdi> within {timer}.
          </>
        )}
      </p>
      {holder?.isListening === false && (
        <p className={styles.message} data-tone="warning" role="status">
          Your other device is offline. If it returns in time, it is asked then. Otherwise this login ends.
        </p>
      )}
    </div>
  );
}

function Home({ phone }: { phone: Phone }) {
  const demo = useDemo();
  const { user } = useDemoState();
  // The question and its buttons need the place.
  const isAsked = hasPendingLogin(phone, useNow(500));
  return (
    <div className={styles.home} data-asked={isAsked || undefined}>
      {!isAsked && <Message phone={phone} />}
      <div className={styles.card}>
        <p className={styles.owner}>
          <bdi>{user.username}</bdi>
          <span className={styles.live}>Active session</span>
        </p>
        <p className={styles.number}>{formatMobile(user.mobile)}</p>
        <p className={styles.origin}>
          <bdi>{phone.device}</bdi>
          <span>{phone.address}</span>
        </p>
      </div>
      <p className={styles.until}>{phone.expiresAt && `Expires at ${timeOfDay(phone.expiresAt)}`}</p>
      <div className={styles.actions}>
        <Button variant="default" radius="xl" disabled={phone.busy} onClick={() => void demo.check(phone.id, true)}>
          Check token
        </Button>
        <Button variant="default" radius="xl" disabled={phone.busy} onClick={() => void demo.logOut(phone.id)}>
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
