import styles from './first-steps.module.css';

/** What to try, before anything has happened. */
export function FirstSteps() {
  return (
    <ol className={styles.steps}>
      <li>
        <strong>Sign up on Device 1.</strong> It gets a token, and listens for alerts.
      </li>
      <li>
        <strong>Log in on Device 2.</strong> It is refused. In the same moment, Device 1 shows who tried, from where and
        when.
      </li>
      <li>
        <strong>Choose “Ask” and log in again.</strong> Device 2 waits until Device 1 approves.
      </li>
      <li>
        <strong>Disconnect a device, and let a stranger try.</strong> When it returns, it receives what it missed.
      </li>
    </ol>
  );
}
