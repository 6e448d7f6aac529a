import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launch, leave, type Visit, visit } from './browser';
import { LivePage } from './live-page';
import { type Server, startServer } from './server';

let server: Server;
let browser: Browser;
let visitor: Visit;
let live: LivePage;

beforeAll(async () => {
  browser = await launch();
  server = await startServer();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  visitor = await visit(browser, server.url);
  live = new LivePage(visitor.page);
  await visitor.page.goto(server.url);
});
afterEach(() => leave(visitor));

test('refused, the second device stays out, and the first one hears who tried', async () => {
  await live.begin();
  await live.phone(2).press('Log in');
  await live.phone(2).shows('There is already a session up and running.');
  const alert = await live.phone(1).hears('Login refused');
  expect(alert).toMatch(/Chrome 142 on Android\s+198\.51\.100\.\d+/);
  expect(alert).toMatch(/\d\d:\d\d:\d\d/);
  await live.passed(1, 'Login refused').getByText('Device 1 received it').waitFor();
  await live.passed(1, 'Login refused').getByText('LOGIN_REFUSED').waitFor();
  await live.phone(1).token('Valid');
  await live.phone(2).shows('No token');
  // Said aloud, for who does not see it.
  const said = visitor.page.locator('[aria-live="polite"]', {
    hasText: 'Device 1: A second device tried to log in and was refused',
  });
  await said.waitFor({ state: 'attached' });
});

test('taken over, the first device hears of it, its stream completes, and its token dies', async () => {
  await live.begin();
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).shows('Active session');
  await live.phone(1).hears('Session taken over');
  await live.phone(1).shows('Another device took this session’s place.');
  await live.phone(1).token('No longer valid');
  await live.phone(2).token('Valid');
  await live.told('received the end of its stream').waitFor();
  await live.phone(1).press('CurrentSession');
  await live.phone(1).root.getByText('Response', { exact: true }).click();
  await live.phone(1).shows('"isValid": false');
});

test('asked, the first device approves, and the second one gets in', async () => {
  await live.begin();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).shows('Waiting for approval');
  await live.phone(2).token('Not valid yet');
  await live.phone(1).hears('A device asks to log in');
  const left = live.phone(1).root.getByRole('timer', { name: 'Time left to answer' });
  expect(await left.innerText()).toMatch(/^(2:00|1:[0-5]\d)$/);
  await live.phone(1).press('Approve');
  await live.phone(2).hears('Session taken over');
  await live.phone(2).shows('Active session');
  await live.phone(2).token('Valid');
  await live.phone(1).token('No longer valid');
});

test('asked, the first device denies, and the second one stays out', async () => {
  await live.begin();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).shows('Waiting for approval');
  await live.phone(1).press('Deny');
  await live.phone(2).shows('The login was not approved.');
  await live.phone(2).token('No longer valid');
  await live.phone(1).hears('Login not approved');
  await live.phone(1).token('Valid');
});

test.each([
  ['after an alert that it heard', true],
  ['before its first alert', false],
])('cut off %s, a device hears every alert that it missed, once and in order', async (_, heardOne) => {
  await live.begin();
  const first = heardOne ? 1 : 0;
  if (heardOne) {
    await live.strangerTries();
    await live.phone(1).hears('Login refused');
  }
  await live.phone(1).press('Disconnect');
  await live.phone(1).shows('Disconnected');
  for (let missed = first + 1; missed <= first + 3; missed += 1) {
    await live.strangerTries();
    await live.passed(missed, 'Login refused').getByText('No device has received it').waitFor();
  }
  expect(await live.phone(1).alerts().count()).toBe(first);
  await live.phone(1).press('Reconnect');
  for (let missed = first + 1; missed <= first + 3; missed += 1) {
    await live.passed(missed, 'Login refused').getByText('Replayed to Device 1').waitFor();
  }
  expect(await live.phone(1).alerts().count()).toBe(3);
  expect(await live.phone(1).alerts().filter({ hasText: 'Replayed' }).count()).toBe(3);
  await live.phone(1).listens();
  await live.strangerTries();
  await live
    .passed(first + 4, 'Login refused')
    .getByText('Device 1 received it')
    .waitFor();
});

test('cut off with nothing happening meanwhile, a device hears nothing of before its login', async () => {
  await live.begin();
  await live.phone(2).press('Log in');
  await live.phone(1).hears('Login refused');
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).listens();
  await live.phone(2).press('Disconnect');
  await live.phone(2).shows('Disconnected');
  await live.phone(2).press('Reconnect');
  await live.phone(2).listens();
  await live.strangerTries();
  await live.passed(3, 'Login refused').getByText('Device 2 received it').waitFor();
  expect(await live.phone(2).alerts().count()).toBe(1);
  expect(await visitor.page.getByText('Replayed').count()).toBe(0);
});

test('let in while it was cut off, a device is replayed all that came since it asked', async () => {
  await live.begin();
  await live.phone(2).press('Log in');
  await live.phone(1).hears('Login refused');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).shows('Listening');
  await live.strangerTries();
  await live.passed(3, 'Login refused').getByText('Device 1 received it').waitFor();
  await live.phone(2).press('Disconnect');
  await live.phone(2).shows('Disconnected');
  await live.phone(1).press('Approve');
  await live.phone(1).token('No longer valid');
  await live.phone(2).press('Reconnect');
  await live.phone(2).token('Valid');
  await live.passed(5, 'Session taken over').getByText('Replayed to Device 2').waitFor();
  // Raised before the cut, but none of its business until it was let in.
  await live.passed(3, 'Login refused').getByText('Replayed to Device 2').waitFor();
  expect(await live.phone(2).alerts().filter({ hasText: 'Replayed' }).count()).toBe(3);
  expect(await visitor.page.getByText('Replayed to').count()).toBe(3);
});

test('a device that was taken over while it was cut off learns it as it returns', async () => {
  await live.begin();
  await live.phone(1).press('Disconnect');
  await live.choose('Take over');
  await live.phone(2).press('Log in');
  await live.phone(2).shows('Active session');
  await live.phone(1).token('Valid'); // It knows no better yet.
  await live.phone(1).press('Reconnect');
  await live.phone(1).token('No longer valid');
  await live.phone(1).shows('Another device took this session’s place.');
});

test('a server that restarts is found again, and what it raised is heard', async () => {
  await live.begin();
  await live.strangerTries();
  await live.phone(1).hears('Login refused');
  await server.restart();
  await live.told('lost the connection').first().waitFor();
  await live.phone(1).listens();
  await live.strangerTries();
  await live.passed(2, 'Login refused').getByText('Device 1 received it').waitFor();
  // A socket that was refused while nothing listened is the browser's to tell of.
  visitor.faults = visitor.faults.filter((fault) => !/WebSocket connection to .* failed/.test(fault));
});

test('logged out, a device hears it, and can log in again', async () => {
  await live.begin();
  await live.phone(1).press('Log out');
  await live.phone(1).shows('This session was logged out.');
  await live.phone(1).token('No longer valid');
  await live.phone(1).press('Log in');
  await live.phone(1).token('Valid');
});

test('each request is shown with its variables and its answer', async () => {
  await live.begin();
  const { root } = live.phone(1);
  await root.getByText('mutation SignUp').waitFor();
  await root.getByText('Variables', { exact: true }).click();
  await root.getByText('"203.0.113.10"').waitFor();
  await root.getByText('Response', { exact: true }).click();
  expect(await root.getByRole('region', { name: 'SignUp: response' }).innerText()).toMatch(/"token": "sd1_/);
});

test('on a narrow screen the devices stay in view, with nothing above them, and say that one is asked', async () => {
  const { page } = visitor;
  await page.setViewportSize({ width: 390, height: 844 });
  await live.begin();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  const bar = page.getByRole('navigation', { name: 'Devices' });
  await bar.getByRole('link', { name: 'Device 1 Asked' }).waitFor();
  await bar.getByRole('link', { name: 'Device 2 Waits' }).waitFor();
  await page.locator('#device-2').evaluate((device) => device.scrollIntoView({ block: 'end' }));
  const covered = await bar.evaluate((element) =>
    [1, 4, 7].map((y) => [2, 195, 388].every((x) => element.contains(document.elementFromPoint(x, y)))),
  );
  expect(covered).toEqual([true, true, true]);
  await live.phone(1).press('Deny');
  await bar.getByRole('link', { name: 'Device 1 Logged in' }).waitFor();
});

test('what passes fades where more follows below, and not at its end', async () => {
  const { page } = visitor;
  await page.setViewportSize({ width: 1440, height: 1900 });
  await live.begin();
  for (let stranger = 1; stranger < 12; stranger += 1) {
    await live.strangerTries();
    await live.passed(stranger, 'Login refused').getByText('Device 1 received it').waitFor();
  }
  const list = page.getByRole('list', { name: 'Timeline' });
  const box = await list.boundingBox();
  if (!box) throw new Error('the list is not drawn');
  expect(await list.evaluate(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 100)).toBe(true);
  const strip = (y: number) => page.screenshot({ clip: { x: box.x + 20, y, width: box.width - 60, height: 3 } });
  const blank = await strip(box.y + box.height + 8);
  for (const up of [0, 20, 40, 60, 80]) {
    await list.evaluate((element, top) => element.scrollTo({ top, behavior: 'instant' }), up);
    expect((await strip(box.y + box.height - 4)).equals(blank), `scrolled by ${up}`).toBe(true);
  }
  await list.evaluate((element) => element.scrollTo({ top: element.scrollHeight, behavior: 'instant' }));
  const last = await list.getByRole('listitem').last().boundingBox();
  expect((last?.y ?? Infinity) + (last?.height ?? 0)).toBeLessThanOrEqual(box.y + box.height - 40);
});

test('a story is started over with another user', async () => {
  await live.begin();
  const number = /\+999[ \d]+/;
  const before = number.exec(await visitor.page.locator('main').innerText())?.[0];
  await visitor.page.getByRole('button', { name: 'Start over' }).click();
  await live.phone(1).shows('Welcome');
  const after = number.exec(await visitor.page.locator('main').innerText())?.[0];
  expect(after).toBeDefined();
  expect(after).not.toBe(before);
});
