import { expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';
import { serviceKey } from './server';
import { addUser, findUser } from './service';
import { failAndRetry } from './sessions-page';

test.override('serverOptions', { key: serviceKey });

test('with the service key, the page acts as the service until it is reloaded', async ({ server, visitor }) => {
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
  expect(page.url()).toBe(`${server.url}/sessions?mobile=9000000001`);
  // The database may hold real users, so the browser does not store whom the visitor looked up.
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  await page.reload();
  await page.getByLabel('Service key or session token').waitFor();
});

test('with a token, the page acts as that session and shows its own user', async ({ server, visitor, explore }) => {
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
  await explore.ready();
  await page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await page.getByRole('button', { name: 'Token', exact: true }).click();
  await dialog.getByRole('button', { name: 'Remove the token' }).click();
  await page.getByText('No Authorization header').waitFor();
});

test('if the owner of a token could not be loaded, a retry loads it', async ({ server, visitor }) => {
  const { page } = visitor;
  const token = await addUser(server.url, '9000000003', serviceKey);
  await page.goto(`${server.url}/sessions`);
  await page.getByLabel('Service key or session token').fill(token);
  // The first request checks the token.
  await failAndRetry(visitor, () => page.getByRole('button', { name: 'Use it' }).click(), 1);
  await page.getByText('1 to 1 of 1').waitFor();
  // The browser reports the requests that were aborted above.
  ignoreProblems(visitor, /net::ERR_FAILED/);
});

test('the demo asks before it adds a user to a store with a service key', async ({ server, visitor, live }) => {
  const { page } = visitor;
  const requests: string[] = [];
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/graphql') requests.push(request.postData() ?? '');
  });
  const question = page.getByRole('dialog', { name: 'Register a demo user?' });
  await live.phone(1).press('Sign up');
  await question.getByText('its database may hold real users').waitFor();
  const mobile = /\+999[\d ]+/.exec(await question.innerText())?.[0].replaceAll(' ', '') ?? '';
  await question.getByRole('button', { name: 'Cancel' }).click();
  await question.waitFor({ state: 'hidden' });
  await live.phone(2).press('Sign up');
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'hidden' });
  expect(requests).toEqual([]);
  expect(await findUser(server.url, mobile, serviceKey)).toBeNull();
  await live.phone(2).press('Sign up');
  await question.getByRole('button', { name: 'Register' }).click();
  await live.phone(2).waitForText('Active session');
  expect(await findUser(server.url, mobile, serviceKey)).toEqual({ username: 'SavingsBank' });
  // A new run has a new user, so the page asks again.
  await page.getByRole('button', { name: 'Start over' }).click();
  await live.phone(1).press('Sign up');
  await question.waitFor();
});

test('without a key or a token, the demo works with the password of the user', async ({ live }) => {
  await live.phone(1).press('Sign up');
  await live.page.getByRole('button', { name: 'Register' }).click();
  await live.phone(1).waitForText('Active session');
  await live.phone(1).waitUntilListening();
  await live.requests().root.getByRole('button', { name: 'SignUp' }).click();
  await live.requests().waitForText('as anyone, with the password');
  await live.phone(2).press('Log in');
  expect(await live.phone(1).waitForAlert('Login refused')).toContain('127.0.0.1');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.approve();
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).waitForToken('No longer valid');
});

test('the focus stays where the visitor is after a question or the form for the key', async ({
  server,
  visitor,
  live,
}) => {
  const { page } = visitor;
  const focused = (selector: string) =>
    page.waitForFunction((area) => document.querySelector(area)?.contains(document.activeElement), selector);
  const question = page.getByRole('dialog', { name: 'Register a demo user?' });
  const press = async (name: string) => {
    await page.getByRole('button', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
  };
  await live.phone(1).root.getByRole('button', { name: 'Sign up' }).focus();
  await page.keyboard.press('Enter');
  await press('Register');
  await live.phone(1).waitUntilListening();
  await question.waitFor({ state: 'hidden' });
  await focused('#device-1');

  await page.goto(`${server.url}/sessions`);
  await page.getByLabel('Service key or session token').fill('not the key, but as long as one may be');
  await press('Use it');
  await page.getByText('This is neither the service key nor a session token.').waitFor();
  const field = page.getByLabel('Service key or session token');
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
  await field.fill(serviceKey);
  await press('Use it');
  await page.getByLabel('Mobile number').waitFor();
  await focused('main [tabindex="-1"]');
  await page.keyboard.press('Tab');
  expect(await page.getByLabel('Mobile number').evaluate((element) => element === document.activeElement)).toBe(true);

  const opener = page.getByRole('button', { name: 'Service key', exact: true });
  await opener.focus();
  await page.keyboard.press('Enter');
  await press('Remove the key');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await focused('header');
});

test('the steps of the editor say that they need the key, and run with it', async ({ server, visitor, explore }) => {
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await explore.ready();
  await page.getByText('Enter the key to run them as the service.').waitFor();
  await page.getByRole('button', { name: 'Enter a key or token' }).click();
  const dialog = page.getByRole('dialog', { name: 'Service key or token' });
  await dialog.getByLabel('Service key or session token').fill(serviceKey);
  await dialog.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('Enter the key to run them as the service.').waitFor({ state: 'hidden' });
  await explore.run();
  await explore.waitForResult(/"message": "User created successfully"/);
  await explore.tab('SecondLogin');
  await explore.run();
  await explore.waitForResult(/"outcome": "REFUSED"/);
});

test('on a narrow screen, the editor opens at the top of the page, and shows the open tab', async ({
  server,
  visitor,
  explore,
}) => {
  const { page } = visitor;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${server.url}/explore`);
  await explore.ready();
  await page.getByText('This server has a service key, and the steps').waitFor();
  const list = page.locator('.graphiql-tabs');
  // The page may not scroll on its own, so the test does not click through Playwright, which scrolls.
  for (const open of [undefined, 'SessionAlerts', 'CreateUser']) {
    if (open) await list.getByRole('button', { name: open, exact: true }).evaluate((tab: HTMLElement) => tab.click());
    const tab = list.locator('.graphiql-tab-active');
    if (open) await tab.getByText(open).waitFor();
    await expect
      .poll(async () => {
        const [outer, inner] = [await list.boundingBox(), await tab.boundingBox()];
        if (!outer || !inner) return null;
        return inner.x >= outer.x - 1 && inner.x + inner.width <= outer.x + outer.width + 1;
      })
      .toBe(true);
    expect(await page.evaluate(() => scrollY)).toBe(0);
  }
});
