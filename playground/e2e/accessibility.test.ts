import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, leave, schemes, visit, widths } from './browser';
import { ExplorePage } from './explore-page';
import { LivePage } from './live-page';
import { type Server, serviceKey, startServer } from './server';

let open: Server;
let keyed: Server;
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  [open, keyed] = await Promise.all([startServer(), startServer({ key: serviceKey })]);
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([open?.stop(), keyed?.stop()]);
});

/**
 * Waits until no animation runs. An element that React removes while it is animated counts as
 * finished.
 */
async function waitForAnimations(page: Page) {
  await page.evaluate(async () => {
    const running = () => document.getAnimations().filter(({ playState }) => playState === 'running');
    while (running().length > 0) await Promise.allSettled(running().map(({ finished }) => finished));
  });
}

async function violationsOf(page: Page) {
  await waitForAnimations(page);
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target} ${node.html.slice(0, 120)}`),
  );
}

/**
 * Expects no accessibility violation, and no part of the page beyond the right edge of the screen.
 */
async function expectAccessible(page: Page) {
  expect(await violationsOf(page)).toEqual([]);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBe(0);
}

describe.each(widths)('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    const options = { width, scheme };

    test('no page has an accessibility violation, at the start or during the demo', async () => {
      const visitor = await visit(browser, open.url, options);
      const { page } = visitor;
      await page.goto(open.url);
      await page.getByText('Development mode.').waitFor();
      await expectAccessible(page);

      const live = new LivePage(page);
      await live.signUp();
      await live.phone(2).press('Log in');
      await live.phone(1).waitForAlert('Login refused');
      await live.choose('Ask');
      await live.phone(2).press('Log in');
      await live.phone(1).root.getByRole('button', { name: 'Approve' }).waitFor();
      await expectAccessible(page);
      await live.phone(1).press('Approve');
      await live.phone(1).waitForToken('No longer valid');
      await live.phone(2).press('Disconnect');
      await expectAccessible(page);

      await page.getByRole('link', { name: 'Sessions' }).click();
      await page.getByText('1 to 2 of 2').waitFor();
      await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: /^End the session on/ }).click();
      await page.getByRole('button', { name: 'End session' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Keep it' }).click();

      await page.getByRole('link', { name: 'Explore' }).click();
      const explore = new ExplorePage(page);
      await explore.ready();
      await explore.run();
      await explore.waitForResult(/"(?:data|errors)"/);
      await explore.tab('SessionAlerts');
      await explore.run();
      await explore.event('Connected').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      await page.getByRole('link', { name: 'Mutation', exact: true }).click();
      await page.getByRole('link', { name: 'invalidateSession', exact: true }).waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Open short keys dialog' }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await leave(visitor);
    });

    test('the form that asks for a key has no accessibility violation', async () => {
      const visitor = await visit(browser, keyed.url, options);
      const { page } = visitor;
      await page.goto(`${keyed.url}/sessions`);
      await page.getByLabel('Service key or session token').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Enter a key or token' }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await leave(visitor);
    });
  });
});
