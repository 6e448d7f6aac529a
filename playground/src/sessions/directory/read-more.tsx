import { Button } from '@mantine/core';
import { softDisabled } from '../../ui/soft-disabled';
import { Failed } from '../lookup-states';
import styles from './directory.module.css';

/** The state of a list that is read page by page. */
export type ReadStatus = 'loading' | 'ready' | { reason: string };

/** The end of a list: a button for the next page, or why the last one could not be read. */
export function ReadMore({
  what,
  status,
  hasMore,
  onReadMore,
  onRetry,
}: {
  what: string;
  status: ReadStatus;
  hasMore: boolean;
  onReadMore: () => void;
  onRetry: () => void;
}) {
  if (typeof status === 'object') {
    return (
      <div className={styles.foot}>
        <Failed reason={withAdvice(status.reason)} onRetry={onRetry} />
      </div>
    );
  }
  const isLoading = status === 'loading';
  if (!hasMore && !isLoading) return null;
  return (
    <div className={styles.foot}>
      <Button
        size="compact-sm"
        variant="default"
        {...softDisabled(isLoading)}
        onClick={() => !isLoading && onReadMore()}
      >
        {isLoading ? `Reading ${what}` : `Read more ${what}`}
      </Button>
    </div>
  );
}

/** What to do about a scope that the service key lacks. */
export function withAdvice(reason: string): string {
  const isMissingScope = /does not have the scope/.test(reason);
  return isMissingScope ? `${reason} Add it to the key, or use another key.` : reason;
}
