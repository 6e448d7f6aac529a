import { Button } from '@mantine/core';
import { softDisabled } from '../ui/soft-disabled';
import styles from './table.module.css';
import { type ListPage, nextPage, previousPage, rangeText, type Trail } from './user-view';

export function Pager({
  listName,
  trail,
  page,
  onTurn,
}: {
  listName: string;
  trail: Trail;
  page: ListPage<unknown>;
  onTurn: (trail: Trail) => void;
}) {
  if (trail.length === 1 && page.items.length === 0) return null;
  return (
    <nav className={styles.pager} aria-label={`Pages of ${listName}`}>
      <span aria-live="polite">{rangeText(trail, page)}</span>
      <Button
        size="compact-sm"
        variant="default"
        {...softDisabled(trail.length === 1)}
        onClick={() => trail.length > 1 && onTurn(previousPage(trail))}
      >
        Newer
      </Button>
      <Button
        size="compact-sm"
        variant="default"
        {...softDisabled(page.next === null)}
        onClick={() => page.next !== null && onTurn(nextPage(trail, page.next))}
      >
        Older
      </Button>
    </nav>
  );
}
