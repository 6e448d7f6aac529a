import { expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';

test('the first page loads less than 200 kB, and not the editor', async ({ server, visitor }) => {
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
  expect(bytes).toBeGreaterThan(50_000); // A smaller number means that the count is wrong.
  expect(bytes).toBeLessThan(200_000);
  console.log(`First paint: ${Math.round(bytes / 1_000)} kB in ${loaded.length} responses.`);
});

test.for(['/', '/explore', '/sessions'])(
  '%s survives a reload, under a policy that forbids inline scripts',
  async (path, { server, visitor }) => {
    const response = await visitor.page.goto(server.url + path);
    expect(response?.status()).toBe(200);
    const policy = response?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self';");
    await visitor.page.locator('[aria-current="page"]').waitFor();
    await visitor.page.reload();
    expect(await visitor.page.locator('[aria-current="page"]').getAttribute('href')).toBe(path);
    // The browser enforces the policy: an inline script does not run.
    const ran = await visitor.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      return 'ran' in window;
    });
    expect(ran).toBe(false);
    ignoreProblems(visitor, /inline script/);
  },
);

test('the whole demo works with the keyboard alone', async ({ visitor, live }) => {
  const { page } = visitor;
  await page.getByText('Development mode.').waitFor();

  /**
   * Presses Tab until the element named `name` has the focus, in the section of `device` if one is
   * given.
   */
  async function tabTo(name: string, device?: 1 | 2) {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(
        ([wanted, section]) => {
          const focused = document.activeElement;
          const label = focused?.getAttribute('aria-label') ?? focused?.textContent ?? '';
          return label.trim() === wanted && (section === '' || focused?.closest(`#${section}`) !== null);
        },
        [name, device ? `device-${device}` : ''] as const,
      );
      if (found) {
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
        expect(outline, `${name} shows its focus`).not.toBe('none');
        return;
      }
    }
    throw new Error(`${name} did not receive the focus`);
  }

  await tabTo('Sign up', 1);
  await page.keyboard.press('Enter');
  await live.phone(1).waitUntilListening();
  await page.getByRole('radio', { name: 'Refuse' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.getByText('The second device waits until').waitFor();
  await tabTo('Log in', 2);
  await page.keyboard.press('Enter');
  await live.phone(2).waitForText('Waiting for approval');
  await live.phone(1).root.getByRole('button', { name: 'Deny' }).waitFor();
  await tabTo(String(await live.phone(2).matchNumber()), 1);
  await page.keyboard.press('Enter');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).waitForToken('No longer valid');
  await tabTo('Disconnect', 2);
  await page.keyboard.press('Space');
  await live.phone(2).waitForText('Disconnected');
  await page.getByRole('radio', { name: 'Ask' }).focus();
  await page.keyboard.press('ArrowRight');
  await tabTo('A stranger tries');
  await page.keyboard.press('Enter');
  await page.getByText('No device has received it').waitFor();
  await tabTo('Reconnect', 2);
  await page.keyboard.press('Enter');
  await page.getByText('Replayed to Device 2').waitFor();
  await tabTo('Sessions');
  await page.keyboard.press('Enter');
  await page.getByText('1 to 2 of 2').waitFor();
});

test('if the visitor prefers reduced motion, nothing moves', async ({ visitor, live }) => {
  await live.signUp();
  await live.logInAsStranger();
  await live.phone(1).waitForAlert('Login refused');
  const longest = await visitor.page.evaluate(() =>
    Math.max(
      0,
      ...document.getAnimations().map((animation) => Number(animation.effect?.getComputedTiming().endTime ?? 0)),
    ),
  );
  expect(longest).toBeLessThanOrEqual(1);
});

test('the license file names the libraries and the font', async ({ server }) => {
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
