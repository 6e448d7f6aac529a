import { expect } from 'vitest';
import { test as base } from './fixtures';
import { LivePage } from './live-page';
import { addUser, alertCursor, logIn } from './service';

const test = base.extend('subscribe', ({ server, visitor, explore }) => {
  /** Opens the page, and subscribes to the alerts of a new user in the tab for it. */
  return async (mobile: string) => {
    await addUser(server.url, mobile);
    // A login may reach the server before the subscription, which then begins with its alert.
    const after = await alertCursor(server.url, mobile);
    await visitor.page.goto(`${server.url}/explore`);
    await explore.ready();
    await explore.tab('SessionAlerts');
    const field = `sessionAlerts(mobile: "${mobile}", after: "${after}")`;
    await explore.fillOperation(`subscription SessionAlerts { ${field} { sequence } }`);
    await explore.run();
    await explore.waitForConnection('Connected, 1 running');
  };
});

test('the start operations run: a user, its alerts, and a second device', async ({ server, visitor, explore }) => {
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  await explore.run();
  await explore.waitForResult(/"message": "User created successfully"/);
  await explore.tab('SessionAlerts');
  await explore.run();
  await explore.waitForConnection('Connected, 1 running');
  await explore.tab('SecondLogin');
  await explore.run();
  await explore.waitForResult(/"outcome": "REFUSED"/);
  // The subscription continues in the log after its tab was left.
  const event = explore.event('Event');
  await event.waitFor();
  expect(await event.innerText()).toMatch(/\d\d:\d\d:\d\d\s+1\s+Event\s+SessionAlerts/);
  await explore.tab('AskFirst');
  await explore.run();
  await explore.waitForResult(/"outcome": "AWAITING_APPROVAL"/);
  await event.nth(1).waitFor();
  await event.first().getByRole('button').click();
  const pending = await visitor.page.getByRole('region', { name: /^Event.* in full$/ }).innerText();
  expect(pending).toContain('LOGIN_PENDING');
  const attemptId = /"attempt": \{\s+"id": "([^"]+)"/.exec(pending)?.[1];
  expect(attemptId).toBeDefined();
  // The id is filled in.
  await explore.tab('DecideLogin');
  await explore.waitForVariables(`"attemptId": "${attemptId}"`);
  await explore.run();
  await explore.waitForResult(/"endReason": "NOT_APPROVED"/);
  await event.nth(2).waitFor();
  await explore.tab('UserSessions');
  await explore.run();
  await explore.waitForResult(/"status": "ENDED"/); // This is the newest session. The active one is below it, out of view.
  await visitor.page.getByRole('button', { name: 'Stop SessionAlerts' }).click();
  await explore.event('Stopped').waitFor();
  await explore.waitForConnection('No subscription');
});

test('the editor logs in with a cookie, and the session survives a reload', async ({ server, visitor, explore }) => {
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  await visitor.page.getByLabel('Send as').selectOption('cookie');
  await explore.fillOperation(
    'mutation { createUser(input: { mobile: "+9997000042", username: "Ada", cookie: true }) { message token } }',
  );
  await explore.run();
  await explore.waitForResult(/"message": "User created successfully",\s+"token": null/);
  expect(await visitor.page.evaluate(() => document.cookie)).toBe('');

  await visitor.page.reload();
  await explore.ready();
  await explore.fillOperation('{ currentSession { user { username } } }');
  // The service, which has no session, does not send the cookie.
  await explore.run();
  await explore.waitForResult(/"currentSession": null/);
  await visitor.page.getByLabel('Send as').selectOption('cookie');
  await explore.run();
  await explore.waitForResult(/"username": "Ada"/);
});

test('a tab that is opened while the editor still loads is the one that runs', async ({ server, visitor, explore }) => {
  // The tabs are drawn before the editor is loaded.
  await visitor.page.goto(`${server.url}/explore`);
  await explore.tab('UserSessions');
  await explore.ready();
  await explore.run();
  await explore.waitForResult(/"data": \{\s*"user": null/);
});

test('a token that an operation returned can be chosen, and the Headers pane takes precedence', async ({
  server,
  visitor,
  explore,
}) => {
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await explore.ready();
  await explore.run();
  await explore.waitForResult(/"message": "User created successfully"/);
  const sendAs = page.getByLabel('Send as');
  const option = sendAs.getByRole('option', { name: /^Token of CreateUser/ });
  await sendAs.selectOption({ label: (await option.textContent()) ?? '' });
  await page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await explore.fillOperation('{ currentSession { isValid } }');
  await explore.run();
  await explore.waitForResult(/"isValid": true/);

  await page.getByRole('button', { name: 'Headers' }).click();
  await explore.fillHeaders({ Authorization: 'Bearer a-token-of-the-headers-pane' });
  await page.getByText('The Headers pane decides: Authorization: Bearer a-token-…pane').waitFor();
  await explore.run();
  await explore.waitForResult(/"currentSession": null/);
  await explore.fillHeaders({});
  await page.getByText(/^Authorization: Bearer sd1_/).waitFor();
});

test('an operation of a phone opens in GraphiQL with its variables and its token', async ({
  visitor,
  live,
  explore,
}) => {
  await live.signUp();
  await live.phone(1).press('Check token');
  await live.requests().waitForText('query CurrentSession');
  await live.requests().press('Open in GraphiQL');
  await explore.ready();
  expect(await visitor.page.getByLabel('Send as').inputValue()).toBe('device-1');
  await visitor.page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await explore.run();
  await explore.waitForResult(/"isValid": true/);
  await visitor.page.getByLabel('Send as').selectOption('page');
  await explore.run();
  await explore.waitForResult(/"currentSession": null/);
});

test('an operation of a phone opens ready to run, and the subscription of another tab continues', async ({
  visitor,
  explore,
  subscribe,
}) => {
  await subscribe('9000000003');
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  const live = new LivePage(visitor.page);
  await live.signUp();
  await live.phone(1).press('Check token');
  await live.requests().waitForText('query CurrentSession');
  await live.requests().press('Open in GraphiQL');
  await visitor.page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await explore.run();
  await explore.waitForResult(/"isValid": true/);
  await explore.waitForConnection('Connected, 1 running');
});

test('a tab that is opened again shows the events since then, and its subscription continues until stopped', async ({
  server,
  explore,
  subscribe,
}) => {
  const mobile = '9000000001';
  await subscribe(mobile);
  await explore.tab('UserSessions');
  await explore.waitUntilIdle();
  for (const sequence of [1, 2]) {
    await logIn(server.url, mobile, `198.51.100.${sequence}`, 'REJECT');
    await explore
      .event('Event')
      .nth(sequence - 1)
      .waitFor();
  }
  await explore.waitForResult(/^$/);
  await explore.tab('SessionAlerts');
  await explore.waitForResult(/"sequence": 2/);
  await logIn(server.url, mobile, '198.51.100.3', 'REJECT');
  await explore.waitForResult(/"sequence": 3/);
  expect(await explore.event('Started').count()).toBe(1);
  await explore.stop();
  await explore.event('Stopped').waitFor();
  await explore.waitForConnection('No subscription');
  await explore.waitForResult(/"sequence": 3/);
});

test('a tab that is opened again shows the last event of its stopped subscription', async ({
  server,
  visitor,
  explore,
  subscribe,
}) => {
  const mobile = '9000000002';
  await subscribe(mobile);
  await explore.tab('UserSessions');
  await logIn(server.url, mobile, '198.51.100.1', 'REJECT');
  await explore.event('Event').waitFor();
  await visitor.page.getByRole('button', { name: 'Stop SessionAlerts' }).click();
  await explore.waitForConnection('No subscription');
  await explore.tab('SessionAlerts');
  await explore.waitForResult(/"sequence": 1/);
  await explore.waitUntilIdle();
});

test('a subscription that is stopped in the log is also stopped in its open tab', async ({
  visitor,
  explore,
  subscribe,
}) => {
  await subscribe('9000000004');
  await visitor.page.getByRole('button', { name: 'Stop SessionAlerts' }).click();
  await explore.waitUntilIdle();
});

test('a late response appears only in the tab that sent the request', async ({ server, visitor, explore }) => {
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await explore.ready();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let sent = 0;
  await page.route('**/graphql', async (route) => {
    sent += 1;
    await held;
    await route.continue();
  });
  await explore.tab('UserSessions');
  await explore.run();
  await explore.tab('SecondLogin');
  await explore.waitUntilIdle();
  const responded = page.waitForResponse('**/graphql');
  release();
  await (await responded).finished();
  await explore.tab('UserSessions');
  await explore.waitForResult(/"user"/);
  await explore.waitUntilIdle();
  await explore.tab('SecondLogin');
  await explore.waitForResult(/^$/);
  expect(sent).toBe(1);
});

test('a tab that is opened again still waits for its response, unless its operation was stopped', async ({
  server,
  visitor,
  explore,
}) => {
  const { page } = visitor;
  await page.goto(`${server.url}/explore`);
  await explore.ready();
  const holds: (() => void)[] = [];
  await page.route('**/graphql', async (route) => {
    await new Promise<void>((resolve) => holds.push(resolve));
    await route.continue();
  });
  await explore.tab('UserSessions');
  await explore.run();
  await explore.tab('SecondLogin');
  await explore.tab('UserSessions');
  await expect.poll(() => holds.length).toBe(1);
  holds[0]?.();
  await explore.waitForResult(/"user"/);
  await explore.waitUntilIdle();
  await explore.run();
  await explore.stop();
  await explore.waitUntilIdle();
  await expect.poll(() => holds.length).toBe(2);
  const responded = page.waitForResponse('**/graphql');
  holds[1]?.();
  await (await responded).finished();
  await explore.tab('SecondLogin');
  await explore.tab('UserSessions');
  await explore.waitForResult(/^$/);
});

test('the subscription of a phone sends its token, and receives events while another page is open', async ({
  visitor,
  live,
  explore,
}) => {
  await live.signUp();
  await live.requests().press('SessionAlerts');
  await live.requests().press('Open in GraphiQL');
  await explore.ready();
  await explore.run();
  await explore.waitForConnection('Connected, 1 running');
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  await live.logInAsStranger();
  await live.phone(1).waitForAlert('Login refused');
  await live.phone(1).press('Log out');
  await live.phone(1).waitForToken('No longer valid');
  await visitor.page.getByRole('link', { name: 'Explore' }).click();
  await explore.event('Completed').waitFor();
  expect(await explore.event('Event').count()).toBe(2);
  await explore.waitForConnection('No subscription');
});

test('a rejected subscription is logged with its error', async ({ visitor, live, explore }) => {
  await live.signUp();
  await live.requests().press('SessionAlerts');
  await live.requests().press('Open in GraphiQL');
  await explore.ready();
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  await live.phone(1).press('Log out');
  await live.phone(1).waitForToken('No longer valid');
  await visitor.page.getByRole('link', { name: 'Explore' }).click();
  await explore.run();
  await explore
    .event(/^(?:Error|Failed)$/)
    .getByRole('button')
    .click();
  await visitor.page
    .getByRole('region', { name: /^(?:Error|Failed).* in full$/ })
    .getByText('UNAUTHENTICATED')
    .waitFor();
});

test('on a narrow screen, every part is within the screen', async ({ server, visitor, explore }) => {
  await visitor.page.setViewportSize({ width: 390, height: 844 });
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  const { scrollWidth, clientWidth } = await visitor.page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  expect(scrollWidth).toBe(clientWidth);
  for (const part of ['.graphiql-query-editor', '.graphiql-editor-tools', '.graphiql-response', '#event-log']) {
    const box = await visitor.page.locator(part).boundingBox();
    expect(box?.x, part).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? Infinity), part).toBeLessThanOrEqual(390);
    expect(box?.width, part).toBeGreaterThan(60);
  }
});
