import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from './fixtures';

/**
 * The folder for the screenshots. If it is not set, the test is skipped, so that a test run changes
 * no file.
 */
const folder = process.env.SCREENSHOTS;

test.override('visitOptions', { width: 1360, height: 1000 });

test.runIf(folder)('screenshots for the README and the docs', async ({ visitor, live }) => {
  const { page } = visitor;
  const shoot = async (name: string) => {
    await page.evaluate(() =>
      Promise.all([document.fonts.ready, ...document.getAnimations().map(({ finished }) => finished)]),
    );
    const image = await page.screenshot({ path: join(folder ?? '', name) });
    expect(image.length, name).toBeLessThan(250_000);
  };
  await live.signUp();
  await live.refuseThenAsk();
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
});
