import { Button, Group, Modal } from '@mantine/core';
import { useAccess } from '../api/access';
import { CredentialForm } from './credential-form';

export default function AccessDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { credential, show } = useAccess();
  return (
    <Modal opened={open} onClose={onClose} title="Who are you to this server?" centered closeButtonProps={{ 'aria-label': 'Close' }}>
      <CredentialForm onDone={onClose} />
      {credential.kind !== 'none' && (
        <Group mt="md">
          <Button
            variant="default"
            onClick={() => {
              show({ kind: 'none' });
              onClose();
            }}
          >
            Forget the {credential.kind}
          </Button>
        </Group>
      )}
    </Modal>
  );
}
