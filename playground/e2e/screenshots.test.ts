import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { visit } from './browser';
import { Film } from './film';
import { test } from './fixtures';
import { LivePage } from './live-page';

/**
 * The folder for the pictures. If it is not set, the tests are skipped, so that a test run changes
 * no file.
 */
const folder = process.env.SCREENSHOTS;

describe.runIf(folder)('pictures for the README and the docs', () => {
  test.override('visitOptions', { width: 1440, height: 900 });

  test('the pages', async ({ visitor, live }) => {
    const { page } = visitor;
    const shoot = async (name: string) => {
      await page.mouse.move(0, 0);
      await page.evaluate(() =>
        Promise.all([document.fonts.ready, ...document.getAnimations().map(({ finished }) => finished)]),
      );
      const image = await page.screenshot({ path: join(folder ?? '', name) });
      expect(image.length, name).toBeLessThan(250_000);
    };
    await live.signUp();
    await live.refuseThenAsk();
    await shoot('live.png');

    await live.approve();
    await live.phone(2).waitForToken('Valid');
    await live.choose('Refuse');
    for (let stranger = 5; stranger < 8; stranger += 1) {
      await live.logInAsStranger();
      await live.timelineAlert(stranger, 'Login refused').waitFor();
    }
    await page.getByRole('link', { name: 'Sessions' }).click();
    await page.getByText('1 to 2 of 2').waitFor();
    await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
    await shoot('sessions.png');
  });

  test('the film of the two phones', async ({ browser, server }) => {
    const { page, context } = await visit(browser, server.url, { width: 1440, height: 900 });
    await page.goto(server.url);
    const live = new LivePage(page);
    await live.phone(1).waitForText('Sign up');
    await page.evaluate(() => document.fonts.ready);
    const stage = await page.locator('#device-1').locator('..').boundingBox();
    if (!stage) throw new Error('the phones are not drawn');
    const margin = 12;
    const film = await Film.of(page, {
      x: Math.floor(stage.x) - margin,
      y: Math.floor(stage.y) - margin,
      width: Math.ceil(stage.width) + 2 * margin,
      height: Math.ceil(stage.height) + 2 * margin,
    });

    await film.shoot(1_400);
    await live.signUp();
    await film.shoot(1_600);
    await live.phone(2).press('Log in');
    await live.phone(1).waitForAlert('Login refused');
    await live.timelineAlert(1, 'Login refused').getByText('received it').waitFor();
    await live.phone(2).waitForText('There is already a session up and running.');
    const alerted = 2;
    await film.shoot(3_200);
    await live.choose('Ask');
    await live.phone(2).press('Log in');
    await live.phone(1).root.getByRole('button', { name: 'Deny' }).waitFor();
    await live.timelineAlert(2, 'A device asks to log in').getByText('received it').waitFor();
    await live.phone(2).waitUntilListening();
    await film.shoot(2_800);
    await live.approve();
    await live.phone(1).waitForToken('No longer valid');
    await live.phone(2).waitForToken('Valid');
    await live.timelineAlert(4, 'Session taken over').getByText('Device 1 received it').waitFor();
    await film.shoot(3_200);

    const title =
      'Two phones side by side. The first one logs in. The second one tries to, and the first one shows the alert ' +
      'in the same moment. It then approves the login, and is logged out.';
    const svg = film.toSvg(title, alerted);
    expect(svg.length).toBeLessThan(1_000_000);
    await writeFile(join(folder ?? '', 'phones.svg'), svg);
    await context.close();
  });
});
