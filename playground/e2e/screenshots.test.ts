import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, leave, visit } from './browser';
import { LivePage } from './live-page';
import { type Server, startServer } from './server';

/**
 * The folder for the screenshots. If it is not set, the test is skipped, so that a test run changes
 * no file.
 */
const folder = process.env.SCREENSHOTS;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  server = await startServer();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test.runIf(folder)('screenshots for the README and the docs', async () => {
  const visitor = await visit(browser, server.url, { width: 1360, height: 1000 });
  const { page } = visitor;
  const live = new LivePage(page);
  const shoot = async (name: string) => {
    await page.evaluate(() =>
      Promise.all([document.fonts.ready, ...document.getAnimations().map(({ finished }) => finished)]),
    );
    const image = await page.screenshot({ path: join(folder ?? '', name) });
    expect(image.length, name).toBeLessThan(250_000);
  };
  await page.goto(server.url);
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(1).root.getByRole('button', { name: 'Approve' }).waitFor();
  await page.mouse.move(0, 0);
  await shoot('live.png');

  await live.phone(1).press('Approve');
  await live.phone(2).waitForToken('Valid');
  for (let stranger = 5; stranger < 8; stranger += 1) {
    await live.logInAsStranger();
    await live.timelineAlert(stranger, 'Login refused').waitFor();
  }
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByText('1 to 2 of 2').waitFor();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  await page.mouse.move(0, 0);
  await shoot('sessions.png');
  await leave(visitor);
});
