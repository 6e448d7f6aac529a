import { Button, Skeleton } from '@mantine/core';
import '@mantine/core/styles/Skeleton.css';
import styles from './sessions-page.module.css';

export function Loading() {
  return (
    <div role="status" className={styles.loading}>
      <span className="visually-hidden">Looking up the user</span>
      <Skeleton height={64} radius="lg" />
      <Skeleton height={240} radius="lg" />
      <Skeleton height={160} radius="lg" />
    </div>
  );
}

/** The reason why a look-up failed, and a button to retry. */
export function Failed({ reason, onRetry }: { reason: string; onRetry(): void }) {
  return (
    <div className={styles.failed} role="alert">
      <p>{reason}</p>
      <Button variant="default" size="xs" onClick={onRetry}>
        Try again
      </Button>
    </div>
  );
}
