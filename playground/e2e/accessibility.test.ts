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

/** What axe-core finds, once nothing moves any more. `except` leaves elements out. */
async function faultsOf(page: Page, except: string[] = []) {
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
  await page.evaluate(axe.source);
  const found = await page.evaluate(
    (left) => (globalThis as unknown as { axe: typeof axe }).axe.run({ exclude: left.map((selector) => [selector]) }),
    except,
  );
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.html.slice(0, 120)}`));
}

describe.each(widths)('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    const look = { width, scheme };

    test('Live has no fault, at first and in the midst of the story', async () => {
      const visitor = await visit(browser, open.url, look);
      const live = new LivePage(visitor.page);
      await visitor.page.goto(open.url);
      await visitor.page.getByText('Development mode.').waitFor();
      expect(await faultsOf(visitor.page)).toEqual([]);
      await live.begin();
      await live.phone(2).press('Log in');
      await live.phone(1).hears('Login refused');
      await live.choose('Ask');
      await live.phone(2).press('Log in');
      await live.phone(1).root.getByRole('button', { name: 'Approve' }).waitFor();
      expect(await faultsOf(visitor.page)).toEqual([]);
      await live.phone(1).press('Approve');
      await live.phone(1).token('Dead');
      expect(await faultsOf(visitor.page)).toEqual([]);
      await leave(visitor);
    });

    test('Explore has no fault', async () => {
      const visitor = await visit(browser, open.url, look);
      const explore = new ExplorePage(visitor.page);
      await visitor.page.goto(`${open.url}/explore`);
      await explore.ready();
      await explore.run();
      await explore.answers(/"(?:data|errors)"/);
      await explore.tab('SessionAlerts');
      await explore.run();
      await explore.event('Connected').waitFor();
      expect(await faultsOf(visitor.page)).toEqual([]);
      await leave(visitor);
    });

    test('Sessions has no fault, with and without a question', async () => {
      const visitor = await visit(browser, open.url, look);
      const { page } = visitor;
      await page.goto(open.url);
      await new LivePage(page).begin();
      await page.getByRole('link', { name: 'Sessions' }).click();
      await page.getByText('1 to 1 of 1').waitFor();
      await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await page.getByRole('button', { name: /^End the session on/ }).click();
      await page.getByRole('button', { name: 'End session' }).waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await leave(visitor);
    });

    test('the question for a key has no fault', async () => {
      const visitor = await visit(browser, keyed.url, look);
      await visitor.page.goto(`${keyed.url}/sessions`);
      await visitor.page.getByLabel('Service key or session token').waitFor();
      expect(await faultsOf(visitor.page)).toEqual([]);
      await leave(visitor);
    });

    test('no page is wider than the screen', async () => {
      const visitor = await visit(browser, open.url, look);
      await visitor.page.goto(open.url);
      await new LivePage(visitor.page).begin();
      for (const name of ['Live', 'Sessions', 'Explore']) {
        await visitor.page.getByRole('link', { name, exact: true }).click();
        if (name === 'Explore') await new ExplorePage(visitor.page).ready();
        if (name === 'Sessions') await visitor.page.getByText('1 to 1 of 1').waitFor();
        expect(await visitor.page.evaluate(() => document.documentElement.scrollWidth), name).toBe(width);
      }
      await leave(visitor);
    });
  });
});
