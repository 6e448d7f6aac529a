import { test as base } from 'vitest';
import { launch, leave, type VisitOptions, visit } from './browser';
import { ExplorePage } from './explore-page';
import { LivePage } from './live-page';
import { type ServerOptions, startServer } from './server';

/**
 * A test with a server, a browser and a page. The tests of one file share the server and the
 * browser, and each test has its own browser context. A fixture starts when a test first uses it.
 *
 * A file sets the options of its server with `test.override('serverOptions', …)`, and a file or a
 * `describe` block sets those of its visits with `test.override('visitOptions', …)`.
 */
export const test = base
  .extend('serverOptions', { scope: 'file' }, {} as ServerOptions)
  .extend('server', { scope: 'file' }, async ({ serverOptions }, { onCleanup }) => {
    const server = await startServer(serverOptions);
    onCleanup(() => server.stop());
    return server;
  })
  // The browser depends on the server, so that it is closed before the server stops.
  .extend('browser', { scope: 'file' }, async ({ server: _ }, { onCleanup }) => {
    const browser = await launch();
    onCleanup(() => browser.close());
    return browser;
  })
  .extend('visitOptions', {} as VisitOptions)
  /** A visit, before it opens a page. After the test, `leave` expects that it caused no problem. */
  .extend('visitor', async ({ browser, server, visitOptions }, { onCleanup }) => {
    const visitor = await visit(browser, server.url, visitOptions);
    onCleanup(() => leave(visitor));
    return visitor;
  })
  /** The first page, which the fixture opens. */
  .extend('live', async ({ server, visitor }) => {
    await visitor.page.goto(server.url);
    return new LivePage(visitor.page);
  })
  /** The page with the editor, which the test opens. */
  .extend('explore', ({ visitor }) => new ExplorePage(visitor.page));
