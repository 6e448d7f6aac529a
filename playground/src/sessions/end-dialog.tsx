import { Button } from '@mantine/core';
import { useState } from 'react';
import { errorMessage, post } from '../api/post';
import { EndSessionDocument, type SessionRowFragment } from '../gql/graphql';
import { Dialog } from '../ui/dialog';
import styles from './sessions-page.module.css';

/** Asks before it ends a session. */
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

  async function end() {
    if (!session) return;
    setBusy(true);
    const answer = await post(EndSessionDocument, { input: { sessionKey: session.sessionKey } }, secret);
    setBusy(false);
    setError(errorMessage(answer));
    if (answer.errors) return;
    onEnded();
    onClose();
  }

  return (
    <Dialog open={session !== null} title="End this session?" onClose={onClose}>
      <p className={styles.question}>
        {session?.device.label} at {session?.ipAddress} is signed out at once. Its token opens nothing from then on, and
        it is told why.
      </p>
      {error && (
        <p className={styles.failed} role="alert">
          {error}
        </p>
      )}
      <div className={styles.choice}>
        <Button variant="default" onClick={onClose} data-autofocus>
          Keep it
        </Button>
        <Button className={styles.end} loading={busy} onClick={() => void end()}>
          End session
        </Button>
      </div>
    </Dialog>
  );
}
