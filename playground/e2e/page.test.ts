import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, leave, visit } from './browser';
import { LivePage } from './live-page';
import { type Server, startServer } from './server';

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

test('the first page is drawn from under 200 kB, without the editor', async () => {
  const visitor = await visit(browser, server.url);
  const { page } = visitor;
  const devtools = await visitor.context.newCDPSession(page);
  await devtools.send('Network.enable');
  const loaded: string[] = [];
  let bytes = 0;
  devtools.on('Network.responseReceived', ({ response }) => loaded.push(response.url));
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.goto(server.url, { waitUntil: 'networkidle' });
  await page.getByText('Development mode.').waitFor();
  await page.evaluate(() => document.fonts.ready);
  expect(loaded.some((url) => url.endsWith('.woff2'))).toBe(true);
  expect(loaded.filter((url) => /monaco|explore|worker/.test(url))).toEqual([]);
  expect(bytes).toBeGreaterThan(50_000); // Else it was not counted.
  expect(bytes).toBeLessThan(200_000);
  console.log(`First paint: ${Math.round(bytes / 1_000)} kB in ${loaded.length} answers.`);
  await leave(visitor);
});

test.each(['/', '/explore', '/sessions'])(
  '%s is found again by a reload, under a policy without inline scripts',
  async (path) => {
    const visitor = await visit(browser, server.url);
    const answer = await visitor.page.goto(server.url + path);
    expect(answer?.status()).toBe(200);
    const policy = answer?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self';");
    await visitor.page.locator('[aria-current="page"]').waitFor();
    await visitor.page.reload();
    expect(await visitor.page.locator('[aria-current="page"]').getAttribute('href')).toBe(path);
    // The policy holds: an inline script does not run.
    const ran = await visitor.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      return 'ran' in window;
    });
    expect(ran).toBe(false);
    visitor.faults = visitor.faults.filter((fault) => !fault.includes('inline script'));
    await leave(visitor);
  },
);

test('the story is told with the keyboard alone', async () => {
  const visitor = await visit(browser, server.url);
  const { page } = visitor;
  const live = new LivePage(page);
  await page.goto(server.url);
  await page.getByText('Development mode.').waitFor();

  /** Walks on until the focus is on what is called `name`, in the section of `device` where one is given. */
  async function tabTo(name: string, device?: 1 | 2) {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(
        ([wanted, section]) => {
          const focused = document.activeElement;
          const called = focused?.getAttribute('aria-label') ?? focused?.textContent ?? '';
          return called.trim() === wanted && (section === '' || focused?.closest(`#${section}`) !== null);
        },
        [name, device ? `device-${device}` : ''] as const,
      );
      if (found) {
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
        expect(outline, `${name} shows that it has the focus`).not.toBe('none');
        return;
      }
    }
    throw new Error(`the focus never came to ${name}`);
  }

  await tabTo('Sign up', 1);
  await page.keyboard.press('Enter');
  await live.phone(1).listens();
  await page.getByRole('radio', { name: 'Refuse' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.getByText('The second device waits until').waitFor();
  await tabTo('Log in', 2);
  await page.keyboard.press('Enter');
  await live.phone(2).shows('Waiting for approval');
  await live.phone(1).root.getByRole('button', { name: 'Approve' }).waitFor();
  await tabTo('Approve', 1);
  await page.keyboard.press('Enter');
  await live.phone(2).token('Valid');
  await live.phone(1).token('No longer valid');
  await tabTo('Disconnect', 2);
  await page.keyboard.press('Space');
  await live.phone(2).shows('Disconnected');
  await tabTo('A stranger tries');
  await page.keyboard.press('Enter');
  await page.getByText('No device has received it').waitFor();
  await tabTo('Reconnect', 2);
  await page.keyboard.press('Enter');
  await page.getByText('Replayed to Device 2').waitFor();
  await tabTo('Sessions');
  await page.keyboard.press('Enter');
  await page.getByText('1 to 2 of 2').waitFor();
  await leave(visitor);
});

test('who wants less motion sees none', async () => {
  const visitor = await visit(browser, server.url);
  const live = new LivePage(visitor.page);
  await visitor.page.goto(server.url);
  await live.begin();
  await live.strangerTries();
  await live.phone(1).hears('Login refused');
  const longest = await visitor.page.evaluate(() =>
    Math.max(
      0,
      ...document.getAnimations().map((animation) => Number(animation.effect?.getComputedTiming().endTime ?? 0)),
    ),
  );
  expect(longest).toBeLessThanOrEqual(1);
  await leave(visitor);
});

test('the licences name the libraries and the font', async () => {
  const text = await (await fetch(`${server.url}/licenses.md`)).text();
  for (const name of [
    '@mantine/core',
    'graphiql',
    'graphql-ws',
    'monaco-editor',
    'react-dom',
    'wouter',
    '@fontsource-variable/inter',
  ]) {
    expect(text).toContain(`## ${name} - `);
  }
  expect(text).toContain('SIL OPEN FONT LICENSE');
});
