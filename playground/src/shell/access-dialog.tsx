import { Button } from '@mantine/core';
import { useAccess } from '../api/access';
import { CredentialForm } from '../shared/credential-form';
import { Dialog } from '../ui/dialog';

export default function AccessDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { credential, setCredential } = useAccess();
  return (
    <Dialog open={open} title="Service key or token" onClose={onClose}>
      <CredentialForm onDone={onClose} />
      {credential.kind !== 'none' && (
        <Button
          mt="md"
          variant="default"
          onClick={() => {
            setCredential({ kind: 'none' });
            onClose();
          }}
        >
          Remove the {credential.kind}
        </Button>
      )}
    </Dialog>
  );
}
