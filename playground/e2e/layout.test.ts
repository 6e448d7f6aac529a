import type { Locator, Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { ignoreProblems } from './browser';
import { test } from './fixtures';
import { addUser, execute, logIn } from './service';

/** Expects the whole element to be on the screen, without scrolling. */
async function expectInView(page: Page, element: Locator) {
  const box = await element.boundingBox();
  const size = page.viewportSize();
  if (!box || !size) throw new Error('the element is not drawn');
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.y).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(size.width);
  expect(box.y + box.height).toBeLessThanOrEqual(size.height);
}

async function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test('at every width, the buttons that end a session are on the screen', async ({ server, visitor }) => {
  const { page } = visitor;
  await addUser(server.url, '9000000001');
  await logIn(server.url, '9000000001', '2001:db8:1234:5678:9abc:def0:1234:5678', 'TAKE_OVER');
  await page.goto(`${server.url}/sessions?mobile=9000000001`);
  const end = page.getByRole('button', { name: /^End the session on/ });
  await end.waitFor();
  for (const width of [360, 390, 600, 768, 959, 961, 980, 1024, 1060, 1120, 1280, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await overflow(page), `${width} px`).toBe(0);
    const box = await end.boundingBox();
    expect((box?.x ?? Infinity) + (box?.width ?? 0), `${width} px`).toBeLessThanOrEqual(width);
  }
});

test('at every width, the first page is not wider than the screen', async ({ visitor, live }) => {
  await live.signUp();
  await live.refuseThenAsk();
  for (const width of [360, 390, 600, 704, 768, 928, 1024, 1087, 1089, 1200, 1440]) {
    await visitor.page.setViewportSize({ width, height: 900 });
    expect(await overflow(visitor.page), `${width} px`).toBe(0);
  }
});

test.for([
  [390, 844],
  [768, 1024],
  [1024, 768],
  [1440, 900],
] as const)(
  'at %i x %i, the screen of a phone that must decide shows all of its parts',
  async ([width, height], { visitor, live }) => {
    const { page } = visitor;
    await page.setViewportSize({ width, height });
    await live.signUp();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await live.logInAsStranger();
      await live.timelineAlert(attempt, 'Login refused').getByText('Device 1 received it').waitFor();
    }
    await live.choose('Ask');
    await live.phone(2).press('Log in');
    await live.phone(1).root.getByRole('button', { name: 'Deny' }).waitFor();
    await live.phone(2).waitForText('Waiting for approval');
    for (const id of [1, 2] as const) {
      const screen = page.getByRole('group', { name: `Screen of Device ${id}` });
      const cut = await screen.evaluate((root) =>
        [root, ...root.querySelectorAll('*')]
          .filter((part) => part === root || getComputedStyle(part).overflowY === 'auto')
          .filter(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 1)
          .map(({ className, scrollHeight, clientHeight }) => `${className}: ${scrollHeight} in ${clientHeight}`),
      );
      expect(cut, `Device ${id}`).toEqual([]);
    }
  },
);

test('the link to the sessions leads to those of the demo, at an address that can be shared', async ({
  visitor,
  live,
}) => {
  const { page } = visitor;
  const link = page.getByRole('banner').getByRole('link', { name: 'Sessions' });
  await live.phone(1).waitForText('Sign up');
  expect(await link.getAttribute('href')).toBe('/sessions');
  await live.signUp();
  await link.click();
  await page.getByText('1 to 1 of 1').waitFor();
  expect(page.url()).toMatch(/\/sessions\?mobile=%2B999\d{9}$/);
});

test.for([390, 768])('at %i px, the choice of a policy moves no policy', async (width, { visitor, live }) => {
  const { page } = visitor;
  await page.setViewportSize({ width, height: 844 });
  const ask = page.getByText('Ask', { exact: true });
  const before = await ask.boundingBox();
  await live.choose('Ask');
  await page.getByLabel(/^If Device 1 has been offline/).waitFor();
  expect(await ask.boundingBox()).toEqual(before);
});

describe('on a laptop', () => {
  test.override('visitOptions', { width: 1440, height: 900 });

  test('both phones, the steps to try, and later what was sent fit on the screen', async ({ visitor, live }) => {
    const { page } = visitor;
    const screen = (id: 1 | 2) => page.getByRole('group', { name: `Screen of Device ${id}` });
    await page.getByText('Development mode.').waitFor();
    for (const id of [1, 2] as const) await expectInView(page, screen(id));
    await expectInView(page, page.getByText('Disconnect a device, and let a stranger try.'));
    await live.signUp();
    await live.refuseThenAsk();
    for (const id of [1, 2] as const) await expectInView(page, screen(id));
    await expectInView(page, page.getByRole('region', { name: 'LogIn: operation' }));
    await expectInView(page, live.timelineAlert(2, 'A device asks to log in'));
  });

  test('the event log is on the screen, and no policy wraps', async ({ server, visitor, live, explore }) => {
    const { page } = visitor;
    const heights = await Promise.all(
      ['Refuse', 'Take over', 'Ask'].map(async (policy) => {
        const box = await page.getByText(policy, { exact: true }).boundingBox();
        return box?.height;
      }),
    );
    expect(new Set(heights).size).toBe(1);
    await live.phone(1).waitForText('Sign up');
    await page.goto(`${server.url}/explore`);
    await explore.ready();
    await expectInView(page, page.getByRole('region', { name: 'Event log' }));
    await explore.tab('SessionAlerts');
    await explore.run();
    await explore.event('Started').waitFor();
    await expectInView(page, page.getByRole('region', { name: 'Event log' }));
  });
});

describe('on a phone', () => {
  test.override('visitOptions', { width: 390, height: 844 });

  test('the first button is on the screen', async ({ visitor, live }) => {
    await visitor.page.getByText('Development mode.').waitFor();
    await expectInView(visitor.page, live.phone(1).root.getByRole('button', { name: 'Sign up' }));
  });

  test('the parts of the list of sessions are in line, and keep a distance', async ({ server, visitor }) => {
    const { page } = visitor;
    const input = { mobile: '9000000051', username: 'Maximiliane von Hohenzollern-Sigmaringen' };
    await execute(server.url, 'mutation($input: CreateUserInput!) { createUser(input: $input) { message } }', input);
    await page.goto(`${server.url}/sessions`);
    await page.getByRole('heading', { name: 'Active sessions' }).waitFor();
    const boxOf = async (element: Locator) => {
      const box = await element.boundingBox();
      if (!box) throw new Error('the element is not drawn');
      return box;
    };
    // The number is not broken, however long the name beside it is.
    const number = page.getByRole('region', { name: 'Users' }).getByText('900 000 005 1');
    expect((await boxOf(number)).height).toBeLessThan(30);
    const field = await boxOf(page.getByLabel('Mobile number'));
    const lookUp = await boxOf(page.getByRole('button', { name: 'Look up' }));
    expect(lookUp.y).toBe(field.y);
    const hint = await boxOf(page.getByText(/^Look up a user by mobile number/));
    const filter = await boxOf(page.getByText('Filter', { exact: true }));
    expect(filter.y - hint.y - hint.height).toBeGreaterThanOrEqual(16);
    const list = await boxOf(page.getByRole('region', { name: 'Active sessions' }));
    const end = await boxOf(page.getByRole('button', { name: 'End 0 selected' }));
    expect(end.x - list.x).toBeGreaterThanOrEqual(20);
    expect(list.x + list.width - end.x - end.width).toBeGreaterThanOrEqual(20);
  });

  test('an alert that is shown in the bar moves nothing below it', async ({ visitor, live }) => {
    const { page } = visitor;
    await live.signUp();
    await live.phone(2).root.evaluate((device) => device.scrollIntoView());
    const height = () => page.evaluate(() => document.querySelector('#device-2')?.getBoundingClientRect().y);
    const before = await height();
    // A press of the visitor moves the focus, so another device logs in.
    await page.evaluate(() => {
      document.documentElement.style.overflowAnchor = 'none'; // As in a browser without scroll anchoring.
      const buttons = [...document.querySelectorAll('button')];
      buttons.find(({ textContent }) => textContent === 'A stranger tries')?.click();
    });
    await page.getByRole('list', { name: 'New on Device 1' }).getByText('Login refused').waitFor();
    expect(await height()).toBe(before);
  });

  test('an alert of the first device is seen while the second one is used', async ({ visitor, live }) => {
    const { page } = visitor;
    await live.signUp();
    const peek = page.getByRole('list', { name: 'New on Device 1' });
    await live.phone(1).root.evaluate((device) => device.scrollIntoView());
    expect(await peek.count()).toBe(0);
    await live.phone(2).root.evaluate((device) => device.scrollIntoView());
    await live.phone(2).press('Log in');
    await peek.getByText('Login refused').waitFor();
    await expectInView(page, peek);
    await live.choose('Ask');
    await live.phone(2).root.evaluate((device) => device.scrollIntoView());
    await live.phone(2).press('Log in');
    await peek.getByText('A device asks to log in').waitFor();
    await expectInView(page, peek);
    // The alert in the bar may cover the number on the second device, so the bar shows it too.
    const number = await live.phone(2).matchNumber();
    await expectInView(page, page.getByRole('navigation', { name: 'Devices' }).getByText(`Waiting, shows ${number}`));
    await peek.getByRole('button', { name: 'Deny' }).click();
    await live.phone(2).waitForText('The login was not approved.');
    // Once it was seen on the phone itself, it is not shown again.
    await page
      .getByRole('navigation', { name: 'Devices' })
      .getByRole('link', { name: /Device 1/ })
      .click();
    await peek.waitFor({ state: 'hidden' });
    await live.phone(2).root.evaluate((device) => device.scrollIntoView());
    expect(await peek.count()).toBe(0);
  });
});

describe('on a phone with a part of the first device in view', () => {
  test.override('visitOptions', { width: 390, height: 844 });

  test('an alert above the screen is shown in the bar', async ({ visitor, live }) => {
    const { page } = visitor;
    await live.signUp();
    const logIn = live.phone(2).root.getByRole('button', { name: 'Log in' });
    await logIn.evaluate((button) => button.scrollIntoView({ block: 'end' }));
    await logIn.click();
    const peek = page.getByRole('list', { name: 'New on Device 1' });
    await peek.getByText('Login refused').waitFor();
    await expectInView(page, peek);
  });
});

test('a page that cannot be loaded says so, and the header stays', async ({ server, visitor, live }) => {
  const { page } = visitor;
  await live.phone(1).waitForText('Sign up');
  await server.whileStopped(async () => {
    await page.getByRole('banner').getByRole('link', { name: 'Sessions' }).click();
    await page.getByText('The server did not send this page.').waitFor();
    await page.getByRole('banner').getByRole('link', { name: 'Live' }).click();
    await live.phone(1).waitForText('Sign up');
    await page.getByRole('banner').getByRole('link', { name: 'Sessions' }).click();
  });
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor();
  ignoreProblems(visitor, /Failed to|Unable to|dynamically imported|ERR_CONNECTION/);
});

test('a path that does not exist has a page of its own, with status 404', async ({ server, visitor }) => {
  const { page } = visitor;
  const response = await page.goto(`${server.url}/nothing/here`);
  expect(response?.status()).toBe(404);
  await page.getByRole('heading', { name: 'This page does not exist' }).waitFor();
  await page.getByText('/nothing/here').waitFor();
  expect(await page.title()).toBe('Page not found · sessiond');
  await page.getByRole('main').getByRole('link', { name: 'Sessions' }).click();
  await page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor();
  const program = await fetch(`${server.url}/nothing/here`);
  expect([program.status, await program.text()]).toEqual([404, '']);
  // The browser reports the status.
  ignoreProblems(visitor, /Failed to load resource/);
});

test('the first Tab reaches a link past the header', async ({ visitor, live }) => {
  const { page } = visitor;
  await page.getByText('Development mode.').waitFor();
  await page.keyboard.press('Tab');
  const skip = page.getByRole('button', { name: 'Skip to the content' });
  expect(await skip.evaluate((element) => element === document.activeElement)).toBe(true);
  await expectInView(page, skip);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.querySelector('main')?.contains(document.activeElement))).toBe(true);
  await live.phone(1).waitForText('Sign up');
});

test('after each action on a phone, the focus stays on it', async ({ visitor, live }) => {
  const { page } = visitor;
  const focusIsIn = (selector: string) =>
    page.waitForFunction((area) => document.querySelector(area)?.contains(document.activeElement), selector);
  const press = async (id: 1 | 2, name: string) => {
    await live.phone(id).root.getByRole('button', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
  };
  await press(1, 'Sign up');
  await live.phone(1).waitUntilListening();
  await focusIsIn('#device-1');
  await press(2, 'Log in');
  await live.phone(1).waitForAlert('Login refused');
  await live.phone(2).waitForText('There is already a session');
  await focusIsIn('#device-2');
  await live.choose('Ask');
  await press(2, 'Log in');
  await live.phone(2).waitForText('Waiting for approval');
  await focusIsIn('#device-2');
  await press(1, 'Deny');
  await live.phone(2).waitForText('The login was not approved.');
  await focusIsIn('#device-1');
  await press(1, 'Log out');
  await live.phone(1).waitForToken('No longer valid');
  await focusIsIn('#device-1');
  const startOver = page.getByRole('button', { name: 'Start over' });
  await startOver.focus();
  await page.keyboard.press('Enter');
  await live.phone(1).waitForText('Welcome');
  expect(await startOver.evaluate((element) => element === document.activeElement)).toBe(true);
});
