import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { expectAccessible } from './axe';
import { leave, schemes, visit } from './browser';
import { test as base } from './fixtures';
import { serviceKey, startServer } from './server';
import { addUser, execute, logIn } from './service';

/** Makes service keys with these scopes, and starts a server that knows them. */
const test = base.extend('limited', { scope: 'file' }, async ({ browser: _ }, { onCleanup }) => {
  const folder = mkdtempSync(join(tmpdir(), 'sessiond-keys-'));
  const keys = { login: newKey('login'), check: newKey('check'), read: newKey('read') };
  const file = join(folder, 'keys.toml');
  const entries = Object.values(keys).map(({ entry }) => entry);
  writeFileSync(file, entries.join('\n'));
  const server = await startServer({ key: serviceKey, flags: ['--service-keys', file] });
  onCleanup(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  return { url: server.url, keys };
});

function newKey(scope: string) {
  const binary = process.env.SESSIOND ?? '';
  const { stdout, stderr } = spawnSync(binary, ['key', 'new', '--name', scope, '--scopes', scope], {
    encoding: 'utf8',
  });
  return { entry: stdout, secret: /sdk_\S+/.exec(stderr)?.[0] ?? '' };
}

const region = (page: Page, name: string) => page.getByRole('region', { name });
const sessionRows = (page: Page) => region(page, 'Active sessions').locator('tbody tr');

async function open(page: Page, url: string) {
  await page.goto(`${url}/sessions`);
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
}

async function useKey(page: Page, url: string, secret: string) {
  await page.goto(`${url}/sessions`);
  await page.getByLabel('Service key or session token').fill(secret);
  await page.getByRole('button', { name: 'Use it' }).click();
}

test('the active sessions and the users are listed and filtered, and lead to their user', async ({
  server,
  visitor,
}) => {
  const { page } = visitor;
  await addUser(server.url, '9100000001');
  await addUser(server.url, '9100000002');
  await open(page, server.url);
  await sessionRows(page).filter({ hasText: '910 000 000 1' }).getByText('Firefox 145 on Windows').waitFor();
  await page.getByLabel('Filter').fill('910 000 0002');
  await expect.poll(() => sessionRows(page).count()).toBe(1);
  await expect.poll(() => region(page, 'Users').getByRole('link').count()).toBe(1);
  await page.getByLabel('Filter').fill('nobody');
  await page.getByText('No active session matches the filter.').waitFor();
  await page.getByText('No user matches the filter.').waitFor();
  await page.getByLabel('Filter').fill('9100000002');
  await region(page, 'Users').getByRole('link').click();
  await page.getByText('1 to 1 of 1').waitFor();
  expect(page.url()).toBe(`${server.url}/sessions?mobile=9100000002`);
});

test('a login and the end of a session appear without a reload', async ({ server, visitor }) => {
  const { page } = visitor;
  await open(page, server.url);
  await addUser(server.url, '9100000003');
  const row = sessionRows(page).filter({ hasText: '910 000 000 3' });
  await row.getByText('198.51.100.100').waitFor();
  await logIn(server.url, '9100000003', '198.51.100.7', 'TAKE_OVER');
  await row.getByText('198.51.100.7').waitFor();
  expect(await row.count()).toBe(1);
  const feed = region(page, 'Live feed').getByRole('listitem');
  await feed.filter({ hasText: 'Another device took over' }).getByText('SavingsBank').waitFor();
  const input = { mobile: '9100000003' };
  await execute(server.url, 'mutation($input: DeleteUserInput!) { deleteUser(input: $input) { message } }', input);
  await row.waitFor({ state: 'detached' });
  await feed.getByText('User deleted').waitFor();
});

test('several sessions are ended after a question, with the keyboard alone', async ({ server, visitor }) => {
  const { page } = visitor;
  for (const digit of [4, 5, 6]) await addUser(server.url, `910000000${digit}`);
  await open(page, server.url);
  await page.getByLabel('Filter').focus();
  await page.keyboard.type('910000000');
  const end = page.getByRole('button', { name: /^End \d+ selected$/ });
  expect(await end.getAttribute('aria-disabled')).toBe('true');
  // The filter, the button, the box for all, and then each row's box and link.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  expect(await focused()).toMatch(/^Select the session of SavingsBank on Firefox/);
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'End 2 selected' }).waitFor();
  const before = await sessionRows(page).count();
  await end.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'End 2 sessions?' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(await sessionRows(page).count()).toBe(before);
  await page.waitForFunction(() => /^End 2/.test(document.activeElement?.textContent ?? ''));
  await page.keyboard.press('Enter');
  await dialog.waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await expect.poll(() => sessionRows(page).count()).toBe(before - 2);
  await region(page, 'Live feed').getByText('Logged out').first().waitFor();
  await page.waitForFunction(() => /^End 0/.test(document.activeElement?.textContent ?? ''));
});

test('the list is read page by page', async ({ server, visitor }) => {
  const { page } = visitor;
  for (let user = 0; user < 25; user += 1) await addUser(server.url, `92000000${10 + user}`);
  await open(page, server.url);
  await region(page, 'Active sessions').getByText('the first 20', { exact: true }).waitFor();
  await page.getByLabel('Filter').fill('92000000');
  await expect.poll(() => sessionRows(page).count()).toBe(20);
  await page.getByRole('button', { name: 'Read more sessions' }).click();
  await page.getByRole('button', { name: 'Read more users' }).click();
  await expect.poll(() => sessionRows(page).count()).toBe(25);
  await expect.poll(() => region(page, 'Users').getByRole('link').count()).toBe(25);
});

test('a service key without a scope is accepted, and each list names the scope that it lacks', async ({
  browser,
  limited,
}) => {
  await addUser(limited.url, '9100000007', serviceKey);
  const visitor = await visit(browser, limited.url);
  const { page } = visitor;
  const advice = (scope: string) =>
    `The service key does not have the scope “${scope}”. Add it to the key, or use another key.`;

  await useKey(page, limited.url, limited.keys.login.secret);
  await region(page, 'Active sessions').getByText(advice('read')).waitFor();
  await region(page, 'Users').getByText(advice('read')).waitFor();
  await region(page, 'Live feed').getByText(advice('check')).waitFor();
  await page.getByRole('status').getByText('Not live').waitFor();

  await useKey(page, limited.url, limited.keys.check.secret);
  await region(page, 'Active sessions').getByText(advice('read')).waitFor();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();

  await useKey(page, limited.url, limited.keys.read.secret);
  await sessionRows(page).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'End 1 selected' }).click();
  await page.getByText('This device is logged out immediately.').waitFor();
  await page.getByRole('button', { name: 'End 1 session' }).click();
  await page
    .getByRole('dialog')
    .getByText(`0 of 1 were ended. ${advice('manage')}`)
    .waitFor();
  await leave(visitor);
});

describe.each([390, 768, 1024, 1440])('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    test.override('visitOptions', { width, scheme });

    test('the lists have no accessibility violation and fit the screen', async ({ server, visitor }) => {
      const { page } = visitor;
      const mobile = `93000${width}${scheme.length}`.padEnd(12, '0');
      await addUser(server.url, mobile);
      await open(page, server.url);
      await logIn(server.url, mobile, '2001:db8:1234:5678:9abc:def0:1234:5678', 'TAKE_OVER');
      await region(page, 'Live feed').getByText('Another device took over').first().waitFor();
      await expectAccessible(page);
      await sessionRows(page).first().getByRole('checkbox').check();
      await page.getByRole('button', { name: 'End 1 selected' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'End 1 session' }).waitFor();
      await expectAccessible(page);
    });
  });
});
