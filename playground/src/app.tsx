import { MantineProvider } from '@mantine/core';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { AccessProvider } from './api/access';
import { DemoProvider } from './demo/demo-context';
import { LivePage } from './live/live-page';
import { EditorProvider } from './shared/editor-context';
import { pageOf, pages } from './shared/pages';
import { Footer } from './shell/footer';
import { Header } from './shell/header';
import { NotFound } from './shell/not-found';
import { Notice } from './shell/notice';
import { PageBoundary } from './shell/page-boundary';
import { SkipLink } from './shell/skip-link';
import { theme } from './theme';
import { PageLoading } from './ui/page-loading';

const ExplorePage = lazy(() => import('./explore/explore-page'));
const SessionsPage = lazy(() => import('./sessions/sessions-page'));

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <AccessProvider>
        <DemoProvider>
          <EditorProvider>
            <Pages />
          </EditorProvider>
        </DemoProvider>
      </AccessProvider>
    </MantineProvider>
  );
}

function Pages() {
  const [path] = useLocation();
  const page = pageOf(path);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // The editor keeps its contents and its running operations while another page is open.
  const exploreOpened = useRef(false);
  if (page === 'explore') exploreOpened.current = true;

  useEffect(() => {
    document.title = `${page ? pages[page].label : 'Page not found'} · sessiond`;
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [page]);

  return (
    <>
      <SkipLink main={main} />
      <Header page={page} />
      <Notice />
      <main ref={main} tabIndex={-1} style={{ flex: 1, outline: 'none' }}>
        <Suspense fallback={page && <PageLoading label={pages[page].label} />}>
          {page === null && <NotFound path={path} />}
          {page === 'live' && <LivePage />}
          {page === 'sessions' && (
            <PageBoundary shown>
              <SessionsPage />
            </PageBoundary>
          )}
          {exploreOpened.current && (
            <PageBoundary shown={page === 'explore'}>
              <ExplorePage shown={page === 'explore'} />
            </PageBoundary>
          )}
        </Suspense>
      </main>
      {page !== 'explore' && <Footer />}
    </>
  );
}
