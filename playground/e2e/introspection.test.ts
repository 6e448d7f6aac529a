import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, leave, visit } from './browser';
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

test('where introspection is off, the page says so, and links to no schema', async () => {
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
  // What the server refuses is the browser's to tell of.
  visitor.faults = visitor.faults.filter((fault) => !/Failed to load resource/.test(fault));
  await leave(visitor);
});
