import { Button } from '@mantine/core';
import { useState } from 'react';
import { errorMessage, post } from '../api/post';
import { EndSessionDocument, type SessionRowFragment } from '../gql/graphql';
import { Dialog, DialogActions, DialogText } from '../ui/dialog';
import styles from './sessions-page.module.css';

/** Asks for confirmation, then ends `session`. It is closed if `session` is null. */
export function EndDialog({
  session,
  secret,
  onClose,
  onEnded,
}: {
  session: SessionRowFragment | null;
  secret: string | null;
  onClose: () => void;
  onEnded: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  // Keeps the text while the dialog fades out, so that its size does not change.
  const [shown, setShown] = useState(session);
  if (session && session !== shown) setShown(session);

  async function end() {
    if (!session) return;
    setBusy(true);
    const response = await post(EndSessionDocument, { input: { sessionKey: session.sessionKey } }, secret);
    setBusy(false);
    setError(errorMessage(response));
    if (response.errors) return;
    onEnded();
    onClose();
  }

  return (
    <Dialog open={session !== null} title="End this session?" onClose={onClose}>
      <DialogText>
        <bdi>{shown?.device.label}</bdi> at {shown?.ipAddress} is logged out immediately. Its token stops working, and
        the device receives an alert that gives the reason.
      </DialogText>
      {error && (
        <p className={styles.failed} role="alert">
          {error}
        </p>
      )}
      <DialogActions>
        <Button variant="default" onClick={onClose} data-autofocus>
          Keep it
        </Button>
        <Button className={styles.end} loading={busy} onClick={() => void end()}>
          End session
        </Button>
      </DialogActions>
    </Dialog>
  );
}
