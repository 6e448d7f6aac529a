import { expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';

test.override('serverOptions', { flags: ['--introspection=false'] });

test('if introspection is off, the page shows a notice and no link to the schema', async ({
  server,
  visitor,
  explore,
}) => {
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await page.getByText(/^Introspection is off: /).waitFor();
  await explore.ready();
  const links = page.locator('a[href="/schema.graphql"]');
  expect(await links.count()).toBe(0);
  await page.getByRole('link', { name: 'Live' }).click();
  await page.getByRole('link', { name: /^Licenses/ }).waitFor();
  expect(await links.count()).toBe(0);
  // The browser reports the requests that the server rejected.
  ignoreProblems(visitor, /Failed to load resource/);
});
