import { Button } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useAccess } from '../api/access';
import { Icon } from '../ui/icon';

const AccessDialog = lazy(() => import('./access-dialog'));

const labels = { none: 'Enter a key or token', key: 'Service key', token: 'Token' };

/** Opens the dialog for a credential. Shown only if the server has a service key. */
export function AccessButton() {
  const { developmentMode, credential } = useAccess();
  const [wasOpened, setWasOpened] = useState(false);
  const [open, setOpen] = useState(false);
  if (developmentMode !== false) return null;
  return (
    <>
      <Button
        size="xs"
        variant={credential.kind === 'none' ? 'filled' : 'default'}
        leftSection={<Icon name="key" size={15} />}
        onClick={() => {
          setWasOpened(true);
          setOpen(true);
        }}
      >
        {labels[credential.kind]}
      </Button>
      {wasOpened && (
        <Suspense>
          <AccessDialog open={open} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
