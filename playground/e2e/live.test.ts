import { expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';
import type { LivePage } from './live-page';

test('REJECT: the second device is refused, and the first one receives an alert about it', async ({
  visitor,
  live,
}) => {
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('There is already a session up and running.');
  const alert = await live.phone(1).waitForAlert('Login refused');
  expect(alert).toMatch(/Chrome 142 on Android\s+198\.51\.100\.\d+/);
  expect(alert).toMatch(/\d\d:\d\d:\d\d/);
  await live.timelineAlert(1, 'Login refused').getByText('Device 1 received it').waitFor();
  await live.phone(1).waitForToken('Valid');
  await live.phone(2).waitForText('No token');
  // Screen readers announce it.
  const announcement = visitor.page.locator('[aria-live="polite"]', {
    hasText: 'Device 1: A second device tried to log in and was refused',
  });
  await announcement.waitFor({ state: 'attached' });
});

test('TAKE_OVER: the first device receives an alert, its stream completes, and its token stops working', async ({
  live,
}) => {
  await live.signUp();
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Active session');
  await live.phone(1).waitForAlert('Session taken over');
  await live.phone(1).waitForText('Another device took over.');
  await live.phone(1).waitForToken('No longer valid');
  await live.phone(2).waitForToken('Valid');
  await live.timelineText('received the end of its stream').waitFor();
  await live.requests().root.getByText('Device 1', { exact: true }).click();
  await live.requests().press('CurrentSession');
  await live.requests().choose('Response');
  await live.requests().waitForText('"isValid": false');
});

test('ASK: the first device approves, and the second one is logged in', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Waiting for approval');
  await live.phone(2).waitForToken('Not valid yet');
  await live.phone(1).waitForAlert('A device asks to log in');
  const left = live.phone(1).root.getByRole('timer', { name: 'Time left to decide' });
  expect(await left.innerText()).toMatch(/^(2:00|1:[0-5]\d)$/);
  await live.approve();
  await live.phone(2).waitForAlert('Session taken over');
  await live.phone(2).waitForText('Active session');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).waitForToken('No longer valid');
});

test('ASK: the first device denies, and the second one is not logged in', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Waiting for approval');
  await live.phone(1).press('Deny');
  await live.phone(2).waitForText('The login was not approved.');
  await live.phone(2).waitForToken('No longer valid');
  await live.phone(1).waitForAlert('Login not approved');
  await live.phone(1).waitForToken('Valid');
});

test.for([
  ['after its first alert', true],
  ['before its first alert', false],
])('a device that disconnects %s receives every missed alert once and in order', async ([_, hasAlert], { live }) => {
  await live.signUp();
  const first = hasAlert ? 1 : 0;
  if (hasAlert) {
    await live.logInAsStranger();
    await live.phone(1).waitForAlert('Login refused');
  }
  await live.phone(1).press('Disconnect');
  await live.phone(1).waitForText('Disconnected');
  for (let missed = first + 1; missed <= first + 3; missed += 1) {
    await live.logInAsStranger();
    await live.timelineAlert(missed, 'Login refused').getByText('No device has received it').waitFor();
  }
  expect(await live.phone(1).alerts().count()).toBe(first);
  await live.phone(1).press('Reconnect');
  for (let missed = first + 1; missed <= first + 3; missed += 1) {
    await live.timelineAlert(missed, 'Login refused').getByText('Replayed to Device 1').waitFor();
  }
  expect(await live.phone(1).alerts().count()).toBe(3);
  expect(await live.phone(1).alerts().filter({ hasText: 'Replayed' }).count()).toBe(3);
  await live.phone(1).waitUntilListening();
  await live.logInAsStranger();
  await live
    .timelineAlert(first + 4, 'Login refused')
    .getByText('Device 1 received it')
    .waitFor();
});

test('a device that missed nothing while disconnected receives no alert from before its login', async ({
  visitor,
  live,
}) => {
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).waitUntilListening();
  await live.phone(2).press('Disconnect');
  await live.phone(2).waitForText('Disconnected');
  await live.phone(2).press('Reconnect');
  await live.phone(2).waitUntilListening();
  await live.choose('Refuse');
  await live.logInAsStranger();
  await live.timelineAlert(3, 'Login refused').getByText('Device 2 received it').waitFor();
  expect(await live.phone(2).alerts().count()).toBe(1);
  expect(await visitor.page.getByText('Replayed').count()).toBe(0);
});

test('a device that was approved while disconnected receives all alerts since it asked to log in', async ({
  visitor,
  live,
}) => {
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).waitUntilListening();
  await live.choose('Refuse');
  await live.logInAsStranger();
  await live.timelineAlert(3, 'Login refused').getByText('Device 1 received it').waitFor();
  await live.phone(2).press('Disconnect');
  await live.phone(2).waitForText('Disconnected');
  await live.approve();
  await live.phone(1).waitForToken('No longer valid');
  await live.phone(2).press('Reconnect');
  await live.phone(2).waitForToken('Valid');
  await live.timelineAlert(5, 'Session taken over').getByText('Replayed to Device 2').waitFor();
  // Raised before the disconnect. The device may see it only after its approval.
  await live.timelineAlert(3, 'Login refused').getByText('Replayed to Device 2').waitFor();
  expect(await live.phone(2).alerts().filter({ hasText: 'Replayed' }).count()).toBe(3);
  expect(await visitor.page.getByText('Replayed to').count()).toBe(3);
});

test('a device whose session was taken over while it was disconnected detects this when it reconnects', async ({
  live,
}) => {
  await live.signUp();
  await live.phone(1).press('Disconnect');
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Active session');
  await live.phone(1).waitForToken('Valid'); // It is disconnected, so it has not received the alert yet.
  await live.phone(1).press('Reconnect');
  await live.phone(1).waitForToken('No longer valid');
  await live.phone(1).waitForText('Another device took over.');
});

test('while the server is down, every button reports it, and the story stays in view', async ({
  server,
  visitor,
  live,
}) => {
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');
  await server.whileStopped(async () => {
    await live.timelineText('lost the connection').first().waitFor();
    for (const [phone, button] of [
      [1, 'Check token'],
      [1, 'Log out'],
      [2, 'Log in'],
    ] as const) {
      await live.phone(phone).press(button);
      await live.phone(phone).waitForText('The server did not respond.');
    }
    await live.logInAsStranger();
    const stranger = live.page.getByRole('listitem').filter({ hasText: 'A stranger' });
    await stranger.getByText('The server did not respond.').waitFor();
    // Each retry fails. They are counted in one row, and the requests of the visitor stay.
    await live.timelineText('attempts failed').first().waitFor();
    expect(await live.timelineText('lost the connection').count()).toBe(1);
    await live.requests().root.getByText('Device 1', { exact: true }).click();
    await live.requests().root.getByRole('button', { name: 'SignUp' }).waitFor();
  });
  await live.phone(1).waitUntilListening();
  await live.logInAsStranger();
  await live.timelineAlert(2, 'Login refused').getByText('Device 1 received it').waitFor();
  // The browser reports the sockets and requests that failed while the server was down.
  ignoreProblems(visitor, /WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED/);
});

test('a stranger follows the chosen policy', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.logInAsStranger();
  await live.timelineText('Waiting for approval').waitFor();
  expect(await live.phone(1).waitForAlert('A device asks to log in')).toContain('Firefox 145 on Windows');
  await live.phone(1).press('Deny');
  await live.choose('Take over');
  await live.logInAsStranger();
  await live.phone(1).waitForToken('No longer valid');
  await live.phone(1).waitForText('Another device took over.');
});

test('a device that logs out receives the alert, and can log in again', async ({ live }) => {
  await live.signUp();
  await live.phone(1).press('Log out');
  await live.phone(1).waitForText('You logged out on this device.');
  await live.phone(1).waitForToken('No longer valid');
  await live.phone(1).press('Log in');
  await live.phone(1).waitForToken('Valid');
});

test('each request is shown with its variables and its response', async ({ live }) => {
  await live.signUp();
  const requests = live.requests();
  await requests.waitForText('mutation SignUp');
  await requests.waitForText('as the service, without a key');
  await requests.choose('Variables');
  await requests.waitForText('"203.0.113.10"');
  await requests.choose('Response');
  expect(await requests.root.getByRole('region', { name: 'SignUp: response' }).innerText()).toMatch(/"token": "sd1_/);
  // The phone that the visitor uses comes into view.
  await live.phone(2).press('Log in');
  await requests.waitForText('"outcome": "REFUSED"');
});

test('on a narrow screen, the bar of devices stays on top and shows which device must decide', async ({
  visitor,
  live,
}) => {
  const { page } = visitor;
  await page.setViewportSize({ width: 390, height: 844 });
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  const bar = page.getByRole('navigation', { name: 'Devices' });
  await bar.getByRole('link', { name: 'Device 1 Must decide' }).waitFor();
  await bar.getByRole('link', { name: 'Device 2 Waiting' }).waitFor();
  await page.locator('#device-2').evaluate((device) => device.scrollIntoView({ block: 'end' }));
  const covered = await bar.evaluate((element) =>
    [1, 4, 7].map((y) => [2, 195, 388].every((x) => element.contains(document.elementFromPoint(x, y)))),
  );
  expect(covered).toEqual([true, true, true]);
  await live.phone(1).press('Deny');
  await bar.getByRole('link', { name: 'Device 1 Logged in' }).waitFor();
});

test('the timeline runs from cause to effect, and follows what is new until it is scrolled back', async ({ live }) => {
  await live.signUp();
  await live.phone(2).press('Log in');
  await live.timelineAlert(1, 'Login refused').getByText('Device 1 received it').waitFor();
  const list = live.page.getByRole('list', { name: 'Timeline' });
  const texts = await list.getByRole('listitem').allInnerTexts();
  const [signUp, login, alert] = ['signs up', 'tries to log in', 'received it'].map((part) =>
    texts.findIndex((text) => text.includes(part)),
  );
  expect(texts.length).toBeGreaterThanOrEqual(4);
  expect(signUp).toBe(0);
  expect(login).toBeGreaterThan(0);
  expect(alert).toBeGreaterThan(login ?? 0);
  expect(texts[alert ?? 0]).toMatch(/received it (?:\d+ ms|\d\.\d s) later/);

  const distance = () => list.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  for (let stranger = 2; stranger < 6; stranger += 1) {
    await live.logInAsStranger();
    await live.timelineAlert(stranger, 'Login refused').getByText('Device 1 received it').waitFor();
  }
  expect(await list.evaluate(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 200)).toBe(true);
  expect(await distance()).toBeLessThanOrEqual(1);
  await list.evaluate((element) => element.scrollTo({ top: 0, behavior: 'instant' }));
  await live.logInAsStranger();
  await live.timelineAlert(6, 'Login refused').getByText('Device 1 received it').waitFor();
  expect(await list.evaluate(({ scrollTop }) => scrollTop)).toBe(0);
});

test.for([
  ['by itself', 'You logged out on this device.', async (live: LivePage) => live.phone(1).press('Log out')],
  [
    'by the service',
    'The service logged this device out.',
    async ({ page }: LivePage) => {
      await page.getByRole('link', { name: 'Sessions' }).click();
      await page.getByRole('button', { name: /^End the session on/ }).click();
      await page.getByRole('button', { name: 'End session' }).click();
      await page.getByText('Logged out by the service', { exact: true }).waitFor();
      await page.getByRole('link', { name: 'Live' }).click();
    },
  ],
] as const)('a device that is logged out %s shows who did it', async ([_, text, logOut], { live }) => {
  await live.signUp();
  await logOut(live);
  await live.phone(1).waitForText(text);
});

test('a demo that is started over has another user', async ({ visitor, live }) => {
  await live.signUp();
  const number = /\+999[ \d]+/;
  const before = number.exec(await visitor.page.locator('main').innerText())?.[0];
  await visitor.page.getByRole('button', { name: 'Start over' }).click();
  await live.phone(1).waitForText('Welcome');
  const after = number.exec(await visitor.page.locator('main').innerText())?.[0];
  expect(after).toBeDefined();
  expect(after).not.toBe(before);
});
