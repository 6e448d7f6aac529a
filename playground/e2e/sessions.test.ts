import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';
import { addUser, logIn } from './service';
import { failAndRetry } from './sessions-page';

async function lookUp(page: Page, mobile: string) {
  await page.getByLabel('Mobile number').fill(mobile);
  await page.getByRole('button', { name: 'Look up' }).click();
}

function rows(page: Page, section: 'All sessions' | 'Alert log') {
  return page.getByRole('region', { name: section }).locator('tbody tr');
}

test('the sessions of a user are paged, each with its device, address, state and end reason', async ({
  server,
  visitor,
}) => {
  const { page } = visitor;
  await addUser(server.url, '9000000001');
  for (let login = 1; login <= 22; login += 1)
    await logIn(server.url, '9000000001', `198.51.100.${login}`, 'TAKE_OVER');
  await page.goto(`${server.url}/sessions`);
  await lookUp(page, '9000000001');
  const pages = page.getByRole('navigation', { name: 'Pages of sessions' });
  await pages.getByText('1 to 10 of 23').waitFor();
  expect(await rows(page, 'All sessions').first().innerText()).toMatch(
    /Firefox 145 on Windows\s+198\.51\.100\.22\s+Active/,
  );
  expect(await rows(page, 'All sessions').nth(1).innerText()).toMatch(
    /198\.51\.100\.21\s+Ended\s*Another device took over/,
  );
  await pages.getByRole('button', { name: 'Older' }).click();
  await pages.getByText('11 to 20 of 23').waitFor();
  await pages.getByRole('button', { name: 'Older' }).click();
  await pages.getByText('21 to 23 of 23').waitFor();
  expect(await rows(page, 'All sessions').count()).toBe(3);
  expect(await pages.getByRole('button', { name: 'Older' }).getAttribute('aria-disabled')).toBe('true');
  await pages.getByRole('button', { name: 'Newer' }).click();
  await pages.getByText('11 to 20 of 23').waitFor();
  const log = page.getByRole('navigation', { name: 'Pages of alerts' });
  await log.getByRole('button', { name: 'Older' }).click();
  await log.getByText('11 to 20').waitFor();
  expect(await rows(page, 'Alert log').first().innerText()).toMatch(
    /^12\s+Session taken over\s+Firefox 145 on Windows/,
  );
});

test('new alerts and sessions appear without a reload', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '9000000002');
  await page.goto(`${server.url}/sessions`);
  await lookUp(page, '9000000002');
  await page.getByText('This user has no alerts yet.').waitFor();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  await logIn(server.url, '9000000002', '198.51.100.1', 'REJECT');
  await rows(page, 'Alert log').filter({ hasText: 'Login refused' }).getByText('198.51.100.1').waitFor();
  await logIn(server.url, '9000000002', '198.51.100.2', 'TAKE_OVER');
  await rows(page, 'All sessions').filter({ hasText: '198.51.100.2' }).getByText('Active').waitFor();
  expect(await rows(page, 'All sessions').count()).toBe(2);
});

test('a session is ended only after a confirmation', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '9000000003');
  await page.goto(`${server.url}/sessions`);
  await lookUp(page, '9000000003');
  await page.getByRole('button', { name: /^End the session on/ }).click();
  const dialog = page.getByRole('dialog', { name: 'End this session?' });
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await rows(page, 'All sessions').getByText('Active').waitFor();
  await page.getByRole('button', { name: /^End the session on/ }).click();
  await dialog.getByRole('button', { name: 'End session' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await rows(page, 'All sessions').getByText('Logged out by the service', { exact: true }).waitFor();
  await rows(page, 'Alert log').getByText('Logged out', { exact: true }).waitFor();
  expect(await page.getByRole('button', { name: /^End the session on/ }).count()).toBe(0);
});

test('the dialog opens in its final position, so that no press on it is lost', async ({ server, visitor }) => {
  const { page } = visitor;
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await addUser(server.url, '9000000005');
  await page.goto(`${server.url}/sessions`);
  await lookUp(page, '9000000005');
  const opener = page.getByRole('button', { name: /^End the session on/ });
  const positions = await opener.evaluate(async (button: HTMLElement) => {
    const seen: number[] = [];
    button.click();
    for (let restingFrames = 0; restingFrames < 10; ) {
      await new Promise(requestAnimationFrame);
      const dialog = document.querySelector('[role="dialog"]');
      if (!dialog) continue;
      seen.push(dialog.getBoundingClientRect().top);
      restingFrames = dialog.getAnimations().length === 0 ? restingFrames + 1 : 0;
    }
    return seen;
  });
  expect(new Set(positions).size).toBe(1);
  expect(positions.length).toBeGreaterThan(10); // The dialog was measured while it opened, not only afterwards.
});

test('an unknown number and an invalid number are reported', async ({ server, visitor }) => {
  const { page } = visitor;
  await page.goto(`${server.url}/sessions`);
  await page.getByText(/^Look up a user by mobile number/).waitFor();
  await lookUp(page, '9999999999');
  await page.getByText('No user has the mobile number 9999999999.').waitFor();
  await lookUp(page, 'no number');
  await page.getByRole('alert').getByText('7 to 15 digits').waitFor();
});

test('if the server does not respond, the page reports it and offers a retry', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '9000000004');
  await page.goto(`${server.url}/sessions`);
  await failAndRetry(visitor, () => lookUp(page, '9000000004'));
  await rows(page, 'All sessions').getByText('Active').waitFor();
  // The browser reports the requests that were aborted above.
  ignoreProblems(visitor, /net::ERR_FAILED/);
});

test('the user of the first page is looked up automatically', async ({ visitor, live }) => {
  const { page } = visitor;
  await live.signUp();
  await page.getByRole('link', { name: 'Sessions' }).click();
  await rows(page, 'All sessions')
    .getByRole('cell', { name: /^Safari 18 on iPhone/ })
    .waitFor();
});

test('a look-up has a link, which shows totals, the last request and the expiry', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '+999100000001');
  await logIn(server.url, '+999100000001', '198.51.100.1', 'TAKE_OVER');
  await page.goto(`${server.url}/sessions`);
  await lookUp(page, '+999 100 000 001');
  await page.getByText('2 sessions, one active · 1 alert').waitFor();
  const link = page.url();
  expect(link).toMatch(/\/sessions\?mobile=%2B999/);
  await page.goto(`${server.url}/`);
  await page.goto(link);
  const [active, ended] = [rows(page, 'All sessions').first(), rows(page, 'All sessions').nth(1)];
  await active.getByText('Active').waitFor();
  const instant = String.raw`\d\d:\d\d:\d\d\s+\d+ \w+ \d{4}`;
  const three = new RegExp([instant, instant, instant].join(String.raw`\s+`));
  expect(await active.innerText()).toMatch(three);
  expect(await ended.innerText()).toMatch(three);
  expect(await page.getByLabel('Mobile number').inputValue()).toBe('+999 100 000 001');
});

test('the users that this browser has looked up are listed until they are forgotten', async ({ server, visitor }) => {
  const { page } = visitor;
  for (const mobile of ['9000000011', '9000000012']) {
    await addUser(server.url, mobile);
    await page.goto(`${server.url}/sessions?mobile=${mobile}`);
    await rows(page, 'All sessions').getByText('Active').waitFor();
  }
  await page.goto(`${server.url}/sessions`);
  const recent = page.getByRole('region', { name: 'Recent users of this browser' });
  await recent.getByRole('link').nth(1).waitFor();
  expect(await recent.getByRole('link').allInnerTexts()).toEqual([
    expect.stringContaining('900 000 001 2'),
    expect.stringContaining('900 000 001 1'),
  ]);
  await recent.getByRole('link').nth(1).click();
  await rows(page, 'All sessions').getByText('Active').waitFor();
  expect(page.url()).toContain('?mobile=9000000011');
  await page.goBack();
  await page.getByRole('button', { name: 'Forget them' }).click();
  await page.getByText(/^Look up a user by mobile number/).waitFor();
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
});

test('after a session was ended, the focus is on the list of sessions', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '9000000013');
  await page.goto(`${server.url}/sessions?mobile=9000000013`);
  await page.getByRole('button', { name: /^End the session on/ }).press('Enter');
  await page.getByRole('button', { name: 'End session' }).press('Enter');
  await rows(page, 'All sessions').getByText('Logged out by the service', { exact: true }).waitFor();
  await page.waitForFunction(() =>
    document.querySelector('[aria-labelledby="sessions-of-user"]')?.contains(document.activeElement),
  );
});
