import { Button } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useAccess } from '../api/access';
import { Icon } from '../ui/icon';

const AccessDialog = lazy(() => import('./access-dialog'));

const labels = { none: 'Show a key or token', key: 'Service key', token: 'Token' };

/** Asks for the service key or a token, where the server has a key. */
export function AccessButton() {
  const { developmentMode, credential } = useAccess();
  const [asked, setAsked] = useState(false);
  const [open, setOpen] = useState(false);
  if (developmentMode !== false) return null;
  return (
    <>
      <Button
        size="xs"
        variant={credential.kind === 'none' ? 'filled' : 'default'}
        leftSection={<Icon name="key" size={15} />}
        onClick={() => {
          setAsked(true);
          setOpen(true);
        }}
      >
        {labels[credential.kind]}
      </Button>
      {asked && (
        <Suspense>
          <AccessDialog open={open} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
