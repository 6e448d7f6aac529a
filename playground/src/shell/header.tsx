import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Link } from 'wouter';
import { useAccess } from '../api/access';
import { useDemoState } from '../demo/demo-context';
import { type Page, pageNames, pages, sessionsOf } from '../shared/pages';
import { Icon } from '../ui/icon';
import { AccessButton } from './access-button';
import styles from './header.module.css';

export function Header({ page }: { page: Page | null }) {
  const { isService } = useAccess();
  const { user, registered } = useDemoState();
  // The page of the sessions opens with the user of the demo, at an address that can be shared.
  const pathOf = (name: Page) =>
    name === 'sessions' && page === 'live' && registered && isService ? sessionsOf(user.mobile) : pages[name].path;
  return (
    <header className={styles.header}>
      <Link href="/" className={styles.brand}>
        <Mark />
        <span>sessiond</span>
      </Link>
      <nav aria-label="Pages" className={styles.pages}>
        {pageNames.map((name) => (
          <Link key={name} href={pathOf(name)} aria-current={name === page ? 'page' : undefined}>
            {pages[name].label}
          </Link>
        ))}
      </nav>
      <div className={styles.tools}>
        <AccessButton />
        <SchemeButton />
      </div>
    </header>
  );
}

/** The logo: two devices, one of them active. */
function Mark() {
  return (
    <svg viewBox="0 0 28 28" width="28" height="28" aria-hidden="true">
      <rect width="28" height="28" rx="8" fill="var(--accent)" />
      <rect x="6" y="7" width="7" height="14" rx="2" fill="var(--surface)" />
      <rect
        x="15.75"
        y="7.75"
        width="5.5"
        height="12.5"
        rx="1.6"
        fill="none"
        stroke="var(--surface)"
        strokeWidth="1.5"
      />
    </svg>
  );
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon variant="subtle" size="lg" aria-label={`Use ${other} colors`} onClick={() => setColorScheme(other)}>
      <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
    </ActionIcon>
  );
}
