import { describe } from 'vitest';
import { expectAccessible } from './axe';
import { leave, schemes, visit, widths } from './browser';
import { test as base } from './fixtures';
import { LivePage } from './live-page';
import { serviceKey, startServer } from './server';

const test = base.extend('keyedServer', { scope: 'file' }, async ({ serverOptions }, { onCleanup }) => {
  const server = await startServer({ ...serverOptions, key: serviceKey });
  onCleanup(() => server.stop());
  return server;
});

describe.each(widths)('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    test.override('visitOptions', { width, scheme });

    test('no page has an accessibility violation, at the start or during the demo', async ({
      visitor,
      live,
      explore,
    }) => {
      const { page } = visitor;
      await page.getByText('Development mode.').waitFor();
      await expectAccessible(page);

      await live.signUp();
      await live.refuseThenAsk();
      await expectAccessible(page);
      await live.approve();
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
    });

    test('the form that asks for a key and the question of the demo have no accessibility violation', async ({
      browser,
      keyedServer,
      visitOptions,
    }) => {
      const visitor = await visit(browser, keyedServer.url, visitOptions);
      const { page } = visitor;
      await page.goto(`${keyedServer.url}/sessions`);
      await page.getByLabel('Service key or session token').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Enter a key or token' }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await page.goto(keyedServer.url);
      await new LivePage(page).phone(1).press('Sign up');
      await page.getByRole('dialog', { name: 'Register a demo user?' }).waitFor();
      await expectAccessible(page);
      await leave(visitor);
    });
  });
});
