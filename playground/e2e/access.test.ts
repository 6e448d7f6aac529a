import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ignoreProblems, launch, leave, type Visit, visit } from './browser';
import { ExplorePage } from './explore-page';
import { LivePage } from './live-page';
import { type Server, serviceKey, startServer } from './server';
import { addUser } from './service';

let server: Server;
let browser: Browser;
let visitor: Visit;

beforeAll(async () => {
  browser = await launch();
  server = await startServer({ key: serviceKey });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  visitor = await visit(browser, server.url);
});
afterEach(() => leave(visitor));

test('with the service key, the page acts as the service until it is reloaded', async () => {
  const { page } = visitor;
  await addUser(server.url, '9000000001', serviceKey);
  await page.goto(`${server.url}/sessions`);
  await page.getByLabel('Service key or session token').fill('not the key, but as long as one may be');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('This is neither the service key nor a session token.').waitFor();
  await page.getByLabel('Service key or session token').fill(serviceKey);
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('You act as the service.').waitFor();
  await page.getByLabel('Mobile number').fill('9000000001');
  await page.getByRole('button', { name: 'Look up' }).click();
  await page.getByText('1 to 1 of 1').waitFor();
  expect(page.url()).toBe(`${server.url}/sessions`);
  await page.reload();
  await page.getByLabel('Service key or session token').waitFor();
});

test('with a token, the page acts as that session and shows its own user', async () => {
  const { page } = visitor;
  const token = await addUser(server.url, '9000000002', serviceKey);
  await page.goto(server.url);
  await page.getByRole('button', { name: 'Enter a key or token' }).click();
  const dialog = page.getByRole('dialog', { name: 'Service key or token' });
  await dialog.getByLabel('Service key or session token').fill(token);
  await dialog.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('You act as one session.').waitFor();
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByText('1 to 1 of 1').waitFor();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Explore' }).click();
  await new ExplorePage(page).ready();
  await page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await page.getByRole('button', { name: 'Token', exact: true }).click();
  await dialog.getByRole('button', { name: 'Remove the token' }).click();
  await page.getByText('No Authorization header').waitFor();
});

test('if the owner of a token could not be loaded, a retry loads it', async () => {
  const { page } = visitor;
  const token = await addUser(server.url, '9000000003', serviceKey);
  await page.goto(`${server.url}/sessions`);
  await page.getByLabel('Service key or session token').fill(token);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let requests = 0;
  await page.route('**/graphql', async (route) => {
    requests += 1;
    if (requests === 1) return route.continue(); // This request checks the token.
    await held;
    await route.abort();
  });
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('Looking up the user').waitFor({ state: 'attached' });
  release();
  await page.getByRole('alert').getByText('The server did not respond.').waitFor();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('1 to 1 of 1').waitFor();
  // The browser reports the requests that were aborted above.
  ignoreProblems(visitor, /net::ERR_FAILED/);
});

test('without a key or a token, the demo works with the password of the user', async () => {
  const { page } = visitor;
  await page.goto(server.url);
  const live = new LivePage(page);
  await live.signUp();
  await live.phone(1).waitForText('Sent without a token, with the user’s password.');
  await live.phone(2).press('Log in');
  expect(await live.phone(1).waitForAlert('Login refused')).toContain('127.0.0.1');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(1).press('Approve');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).waitForToken('No longer valid');
});
