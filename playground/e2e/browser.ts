import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

export const widths = [1440, 390] as const;
export const schemes = ['light', 'dark'] as const;

export interface Look {
  width?: number;
  height?: number;
  scheme?: 'light' | 'dark';
}

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error('CHROMIUM must hold the path of a Chromium: run `make e2e`');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', // It meets no page but ours, and root may not have a sandbox.
      '--disable-gpu',
      '--disable-dev-shm-usage', // A container has little of it.
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page in a profile of its own, and everything that it must not do. */
export interface Visit {
  page: Page;
  context: BrowserContext;
  faults: string[];
}

export async function visit(
  browser: Browser,
  url: string,
  { width = 1440, height = 900, scheme = 'light' }: Look = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== url) faults.push(`foreign request: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(url).host) faults.push(`foreign socket: ${socket.url()}`);
  });
  return { page, context, faults };
}

/** Ends a visit, of which nothing may have gone wrong and nothing may stay in the browser. */
export async function leave({ page, context, faults }: Visit) {
  const kept = await page.evaluate(() => [...Object.entries(localStorage), ...Object.entries(sessionStorage)]);
  expect(kept).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
}
