import { MantineProvider } from '@mantine/core';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { AccessProvider } from './api/access';
import { LivePage } from './live/live-page';
import { StoryProvider } from './live/story-context';
import { Footer } from './shell/footer';
import { HandoverProvider } from './shell/handover';
import { Header } from './shell/header';
import { Notice } from './shell/notice';
import { pageOf, pages } from './shell/pages';
import { theme } from './theme';
import { Waiting } from './ui/waiting';

const ExplorePage = lazy(() => import('./explore/explore-page'));
const SessionsPage = lazy(() => import('./sessions/sessions-page'));

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <AccessProvider>
        <StoryProvider>
          <HandoverProvider>
            <Pages />
          </HandoverProvider>
        </StoryProvider>
      </AccessProvider>
    </MantineProvider>
  );
}

function Pages() {
  const [path] = useLocation();
  const page = pageOf(path);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // The editors keep what is in them, and what runs there runs on, while another page is open.
  const exploreOpened = useRef(false);
  if (page === 'explore') exploreOpened.current = true;

  useEffect(() => {
    document.title = `${pages[page].label} · sessiond`;
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [page]);

  return (
    <>
      <Header page={page} />
      <Notice />
      <main ref={main} tabIndex={-1} style={{ flex: 1, outline: 'none' }}>
        <Suspense fallback={<Waiting what={pages[page].label} />}>
          {page === 'live' && <LivePage />}
          {page === 'sessions' && <SessionsPage />}
          {exploreOpened.current && <ExplorePage shown={page === 'explore'} />}
        </Suspense>
      </main>
      {page !== 'explore' && <Footer />}
    </>
  );
}
