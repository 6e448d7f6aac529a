import { Button } from '@mantine/core';
import styles from './table.module.css';
import { back, extent, type ListPage, onwards, type Trail } from './user-view';

export function Pager({
  what,
  trail,
  page,
  onTurn,
}: {
  what: string;
  trail: Trail;
  page: ListPage<unknown>;
  onTurn: (trail: Trail) => void;
}) {
  if (trail.length === 1 && page.items.length === 0) return null;
  return (
    <nav className={styles.pager} aria-label={`Pages of ${what}`}>
      <span aria-live="polite">{extent(trail, page)}</span>
      <Button size="compact-sm" variant="default" disabled={trail.length === 1} onClick={() => onTurn(back(trail))}>
        Newer
      </Button>
      <Button
        size="compact-sm"
        variant="default"
        disabled={page.next === null}
        onClick={() => onTurn(onwards(trail, page.next))}
      >
        Older
      </Button>
    </nav>
  );
}
