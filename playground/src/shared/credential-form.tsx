import { Button, PasswordInput } from '@mantine/core';
import { type SubmitEvent, useRef, useState } from 'react';
import { useAccess } from '../api/access';
import { checkCredential } from '../api/credential';

/**
 * Asks for the service key or a session's token, checks it with the server, and keeps it in memory.
 */
export function CredentialForm({ onDone }: { onDone?: () => void }) {
  const { setCredential } = useAccess();
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    setBusy(true);
    const found = secret.trim() ? await checkCredential(secret.trim()) : 'Paste the service key or a session token.';
    setBusy(false);
    if (typeof found === 'string') {
      setError(found);
      // The button was disabled during the check, so it has lost the focus.
      return field.current?.focus();
    }
    setSecret('');
    setCredential(found);
    onDone?.();
  }

  return (
    <form onSubmit={submit}>
      <PasswordInput
        ref={field}
        label="Service key or session token"
        description="This page keeps it in memory only, and never in the browser’s storage or in the URL."
        value={secret}
        onChange={(event) => {
          setSecret(event.currentTarget.value);
          setError(null);
        }}
        error={error}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the text', tabIndex: 0 }}
      />
      <Button type="submit" loading={busy} mt="md">
        Use it
      </Button>
    </form>
  );
}
