import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { test } from './fixtures';
import { addUser, execute } from './service';

const mobile = '9000000009';
const address = '203.0.113.9';
const login = 'mutation($input: LoginInput!) { login(input: $input) { outcome } }';
const messages = 'query($input: String!) { user(mobile: $input) { alerts { nodes { message } } } }';

/** What a device can call itself: an overridden direction, and letters that are written from right to left. */
const userAgents = ['\u202e99.001.15.891 ta enohPi ruoy', 'האייפון שלך 99', 'هاتفك ٩٩'];

/** Asks the first device of a new user to approve a device with this user agent. */
async function ask(url: string, number: string, userAgent: string) {
  await addUser(url, number);
  const input = { mobile: number, username: 'SavingsBank', userAgent, ipAddress: address, onConflict: 'ASK' };
  await execute(url, login, input);
}

/**
 * The characters of an element in the order in which a person sees them, from left to right. The element must fit on
 * one line.
 */
async function visibleOrder(element: Locator): Promise<string> {
  return element.evaluate((root) => {
    const glyphs: { character: string; left: number; top: number }[] = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.nodeValue ?? '';
      for (let index = 0; index < text.length; index += 1) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + 1);
        const box = range.getBoundingClientRect();
        if (box.width > 0) glyphs.push({ character: text[index] ?? '', left: box.left, top: box.top });
      }
    }
    glyphs.sort((one, other) => one.left - other.left);
    return glyphs.map(({ character }) => character).join('');
  });
}

async function lookUp(page: Page, number: string) {
  await page.getByLabel('Mobile number').fill(number);
  await page.getByRole('button', { name: 'Look up' }).click();
}

test('the address stands in order after the device in the sentence that a person approves', async ({
  server,
  visitor,
}) => {
  const { page } = visitor;
  await page.goto(server.url);
  for (const [index, userAgent] of userAgents.entries()) {
    const number = `${mobile}${index}`;
    await ask(server.url, number, userAgent);
    const { user } = (await execute(server.url, messages, number)) as {
      user: { alerts: { nodes: { message: string }[] } };
    };
    const message = user.alerts.nodes[0]?.message ?? '';
    const sentence = await page.evaluateHandle((text) => {
      const paragraph = document.createElement('p');
      paragraph.textContent = text;
      paragraph.id = 'sentence';
      Object.assign(paragraph.style, { position: 'fixed', inset: '0 auto auto 0', whiteSpace: 'nowrap' });
      document.getElementById('sentence')?.remove();
      document.body.append(paragraph);
      return paragraph;
    }, message);
    const seen = await visibleOrder(page.locator('#sentence'));
    expect(seen).toMatch(/^A second device asks to log in: .* at 203\.0\.113\.9\.$/);
    expect(seen).not.toContain('198.51.100.99');
    await sentence.dispose();
  }
});

test('the address stands in order after the device in the tables and the dialog', async ({ server, visitor }) => {
  const { page } = visitor;
  await page.goto(`${server.url}/sessions`);
  for (const [index, userAgent] of userAgents.entries()) {
    const number = `${mobile}5${index}`;
    await ask(server.url, number, userAgent);
    await lookUp(page, number);
    const asking = page.getByRole('region', { name: 'All sessions' }).locator('tbody tr').first();
    await asking.getByText(address).waitFor();
    // The address has a line of its own, below the device.
    expect(await visibleOrder(asking.getByText(address))).toBe(address);
    const devices = [asking, page.getByRole('region', { name: 'Alert log' }).locator('tbody')];
    for (const device of devices.map((part) => part.locator('bdi').first())) {
      expect(await device.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe('isolate');
    }
    await asking.getByRole('button', { name: /^End/ }).click();
    const dialog = page.getByRole('dialog', { name: 'End this session?' });
    const question = dialog.locator('p', { hasText: 'is logged out immediately' });
    await question.evaluate((paragraph: HTMLElement) => {
      Object.assign(paragraph.style, { whiteSpace: 'nowrap' });
    });
    expect(await visibleOrder(question)).toMatch(/^.+ at 203\.0\.113\.9 is logged out/);
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await dialog.waitFor({ state: 'hidden' });
  }
});

test('the name of a user and the devices of an alert are isolated on the first page', async ({ live }) => {
  await live.signUp();
  await live.refuseThenAsk();
  const devices = live.phone(1).alerts().locator('bdi');
  const timeline = live.timelineAlert(1, 'Login refused').locator('bdi');
  for (const text of [devices.first(), timeline]) {
    expect(await text.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe('isolate');
  }
});

test('a name that reorders text is refused with a sentence', async ({ server }) => {
  const input = { mobile: '9000000100', username: 'Savings\u202eknaB' };
  const create = execute(
    server.url,
    'mutation($input: CreateUserInput!) { createUser(input: $input) { token } }',
    input,
  );
  await expect(create).rejects.toThrow('A username must not have control characters');
});
