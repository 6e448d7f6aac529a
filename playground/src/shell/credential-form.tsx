import { Button, PasswordInput } from '@mantine/core';
import { type SubmitEvent, useState } from 'react';
import { useAccess } from '../api/access';
import { tryOut } from '../api/credential';

/** Takes the service key or a session's token, asks the server what it opens, and keeps it in memory. */
export function CredentialForm({ onDone }: { onDone?: () => void }) {
  const { show } = useAccess();
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    setBusy(true);
    const found = secret.trim() ? await tryOut(secret.trim()) : 'Paste the service key, or a token.';
    setBusy(false);
    if (typeof found === 'string') return setError(found);
    setSecret('');
    show(found);
    onDone?.();
  }

  return (
    <form onSubmit={submit}>
      <PasswordInput
        label="Service key or session token"
        description="Kept in this page’s memory only: not in the browser’s storage, not in the address."
        value={secret}
        onChange={(event) => {
          setSecret(event.currentTarget.value);
          setError(null);
        }}
        error={error}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        visibilityToggleButtonProps={{ 'aria-label': 'Show or hide it', tabIndex: 0 }}
      />
      <Button type="submit" loading={busy} mt="md">
        Use it
      </Button>
    </form>
  );
}
