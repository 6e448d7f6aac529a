import { Button, Modal } from '@mantine/core';
import { useAccess } from '../api/access';
import { CredentialForm } from './credential-form';

export default function AccessDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { credential, show } = useAccess();
  return (
    <Modal
      opened={open}
      onClose={onClose}
      title="Who are you to this server?"
      centered
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
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
    </Modal>
  );
}
