import { Button } from '@mantine/core';
import { useAccess } from '../api/access';
import { Dialog } from '../ui/dialog';
import { CredentialForm } from './credential-form';

export default function AccessDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { credential, show } = useAccess();
  return (
    <Dialog open={open} title="Who are you to this server?" onClose={onClose}>
      <CredentialForm onDone={onClose} />
      {credential.kind !== 'none' && (
        <Button
          mt="md"
          variant="default"
          onClick={() => {
            show({ kind: 'none' });
            onClose();
          }}
        >
          Forget the {credential.kind}
        </Button>
      )}
    </Dialog>
  );
}
