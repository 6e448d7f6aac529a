import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ignoreProblems, launch, leave, visit } from './browser';
import { ExplorePage } from './explore-page';
import { type Server, startServer } from './server';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  server = await startServer({ flags: ['--introspection=false'] });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('if introspection is off, the page shows a notice and no link to the schema', async () => {
  const visitor = await visit(browser, server.url);
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await page.getByText(/^Introspection is off: /).waitFor();
  await new ExplorePage(page).ready();
  const links = page.locator('a[href="/schema.graphql"]');
  expect(await links.count()).toBe(0);
  await page.getByRole('link', { name: 'Live' }).click();
  await page.getByRole('link', { name: /^Licenses/ }).waitFor();
  expect(await links.count()).toBe(0);
  // The browser reports the requests that the server rejected.
  ignoreProblems(visitor, /Failed to load resource/);
  await leave(visitor);
});
