import { Button } from '@mantine/core';
import { useState } from 'react';
import { errorMessage, post } from '../../api/post';
import { EndSessionDocument } from '../../gql/graphql';
import { Dialog, DialogActions, DialogText } from '../../ui/dialog';
import pageStyles from '../sessions-page.module.css';
import styles from './directory.module.css';
import type { ActiveSession } from './model';
import { withAdvice } from './read-more';

/** The number of names that the question lists. */
const MAX_NAMES = 5;

/** Asks for confirmation, then ends the sessions one after the other. It is closed if there are none. */
export function EndSeveralDialog({
  sessions,
  secret,
  onClose,
}: {
  sessions: readonly ActiveSession[] | null;
  secret: string | null;
  onClose: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  // Keeps the text while the dialog fades out, so that its size does not change.
  const [shown, setShown] = useState<readonly ActiveSession[]>(sessions ?? []);
  if (sessions && sessions !== shown) {
    setShown(sessions);
    setError(null);
  }

  async function end() {
    setBusy(true);
    const failure = await endAll(shown, secret);
    setBusy(false);
    setError(failure);
    if (failure === null) onClose();
  }

  const count = shown.length === 1 ? '1 session' : `${shown.length} sessions`;
  return (
    <Dialog open={sessions !== null} title={`End ${count}?`} onClose={onClose}>
      <DialogText>
        {shown.length === 1
          ? 'This device is logged out immediately. Its token stops working, and it receives an alert.'
          : 'These devices are logged out immediately. Their tokens stop working, and each device receives an alert.'}
      </DialogText>
      <ul className={styles.names}>
        {shown.slice(0, MAX_NAMES).map(({ sessionKey, user, device }) => (
          <li key={sessionKey}>
            <bdi>{user.username}</bdi> on <bdi>{device.label}</bdi>
          </li>
        ))}
        {shown.length > MAX_NAMES && <li>and {shown.length - MAX_NAMES} more</li>}
      </ul>
      {error && (
        <p className={pageStyles.failed} role="alert">
          {error}
        </p>
      )}
      <DialogActions>
        <Button variant="default" onClick={onClose} data-autofocus>
          {shown.length === 1 ? 'Keep it' : 'Keep them'}
        </Button>
        <Button className={pageStyles.end} loading={busy} onClick={() => void end()}>
          End {count}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** Returns why a session could not be ended. The feed removes the others from the list. */
async function endAll(sessions: readonly ActiveSession[], secret: string | null): Promise<string | null> {
  for (const [index, { sessionKey }] of sessions.entries()) {
    const response = await post(EndSessionDocument, { input: { sessionKey } }, secret);
    // A session that was deleted with its user has ended too.
    const isGone = response.errors?.every(({ extensions }) => extensions?.code === 'NOT_FOUND');
    const message = errorMessage(response);
    if (message !== null && !isGone) return `${index} of ${sessions.length} were ended. ${withAdvice(message)}`;
  }
  return null;
}
