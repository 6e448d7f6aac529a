/** The accessibility and the width of a page. */

import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/**
 * Waits until no animation runs. An element that React removes while it is animated counts as
 * finished.
 */
async function waitForAnimations(page: Page) {
  await page.evaluate(async () => {
    const running = () => document.getAnimations().filter(({ playState }) => playState === 'running');
    while (running().length > 0) await Promise.allSettled(running().map(({ finished }) => finished));
  });
}

async function violationsOf(page: Page) {
  await waitForAnimations(page);
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target} ${node.html.slice(0, 120)}`),
  );
}

/**
 * Expects no accessibility violation, and no part of the page beyond the right edge of the screen.
 */
export async function expectAccessible(page: Page) {
  expect(await violationsOf(page)).toEqual([]);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBe(0);
}
