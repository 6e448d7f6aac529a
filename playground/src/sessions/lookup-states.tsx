import { Button, Skeleton } from '@mantine/core';
import '@mantine/core/styles/Skeleton.css';
import styles from './sessions-page.module.css';

export function Loading() {
  return (
    <div role="status" className={styles.loading}>
      <span className="visually-hidden">The user is being looked up</span>
      <Skeleton height={64} radius="lg" />
      <Skeleton height={240} radius="lg" />
      <Skeleton height={160} radius="lg" />
    </div>
  );
}

/** Why a look-up failed, and the way to put it again. */
export function Failed({ why, onRetry }: { why: string; onRetry(): void }) {
  return (
    <div className={styles.failed} role="alert">
      <p>{why}</p>
      <Button variant="default" size="xs" onClick={onRetry}>
        Try again
      </Button>
    </div>
  );
}
