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

/** Waits until nothing moves any more. What React takes away amid its animation counts as come to rest. */
async function rest(page: Page) {
  await page.evaluate(async () => {
    const moving = () => document.getAnimations().filter(({ playState }) => playState === 'running');
    while (moving().length > 0) await Promise.allSettled(moving().map(({ finished }) => finished));
  });
}

async function faultsOf(page: Page) {
  await rest(page);
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target} ${node.html.slice(0, 120)}`),
  );
}

/** Nothing to mend, and nothing that the screen cuts off. */
async function isSound(page: Page) {
  expect(await faultsOf(page)).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide).toBe(0);
}

describe.each(widths)('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    const look = { width, scheme };

    test('no page has a fault, at first and in the midst of the story', async () => {
      const visitor = await visit(browser, open.url, look);
      const { page } = visitor;
      await page.goto(open.url);
      await page.getByText('Development mode.').waitFor();
      await isSound(page);

      const live = new LivePage(page);
      await live.begin();
      await live.phone(2).press('Log in');
      await live.phone(1).hears('Login refused');
      await live.choose('Ask');
      await live.phone(2).press('Log in');
      await live.phone(1).root.getByRole('button', { name: 'Approve' }).waitFor();
      await isSound(page);
      await live.phone(1).press('Approve');
      await live.phone(1).token('No longer valid');
      await live.phone(2).press('Disconnect');
      await isSound(page);

      await page.getByRole('link', { name: 'Sessions' }).click();
      await page.getByText('1 to 2 of 2').waitFor();
      await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
      await isSound(page);
      await page.getByRole('button', { name: /^End the session on/ }).click();
      await page.getByRole('button', { name: 'End session' }).waitFor();
      await isSound(page);
      await page.getByRole('button', { name: 'Keep it' }).click();

      await page.getByRole('link', { name: 'Explore' }).click();
      const explore = new ExplorePage(page);
      await explore.ready();
      await explore.run();
      await explore.answers(/"(?:data|errors)"/);
      await explore.tab('SessionAlerts');
      await explore.run();
      await explore.event('Connected').waitFor();
      await isSound(page);
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      await page.getByRole('link', { name: 'Mutation', exact: true }).click();
      await page.getByText('What there is to do.').waitFor();
      await isSound(page);
      await page.getByRole('button', { name: 'Open short keys dialog' }).click();
      await page.getByRole('dialog').waitFor();
      await isSound(page);
      await leave(visitor);
    });

    test('the question for a key has no fault', async () => {
      const visitor = await visit(browser, keyed.url, look);
      const { page } = visitor;
      await page.goto(`${keyed.url}/sessions`);
      await page.getByLabel('Service key or session token').waitFor();
      await isSound(page);
      await page.getByRole('button', { name: 'Enter a key or token' }).click();
      await page.getByRole('dialog').waitFor();
      await isSound(page);
      await leave(visitor);
    });
  });
});
