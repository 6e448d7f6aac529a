import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

export const widths = [1440, 390] as const;
export const schemes = ['light', 'dark'] as const;

export interface VisitOptions {
  width?: number;
  height?: number;
  scheme?: 'light' | 'dark';
}

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error('CHROMIUM is not set to the path of a Chromium: run `make e2e`');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', // The browser opens no page but ours, and root cannot use the sandbox.
      '--disable-gpu',
      '--disable-dev-shm-usage', // Containers limit the size of /dev/shm.
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page in a separate browser context, and the problems that it caused. */
export interface Visit {
  page: Page;
  context: BrowserContext;
  problems: string[];
}

/** Chromium's message about a page that sends on its socket while the browser leaves the page. */
const leavingPage = /^WebSocket is already in CLOSING or CLOSED state/;

export async function visit(
  browser: Browser,
  url: string,
  { width = 1440, height = 900, scheme = 'light' }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !leavingPage.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== url) problems.push(`foreign request: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(url).host) problems.push(`foreign socket: ${socket.url()}`);
  });
  return { page, context, problems };
}

/** Removes the problems that a test causes on purpose. */
export function ignoreProblems({ problems }: Visit, expected: RegExp) {
  problems.splice(0, problems.length, ...problems.filter((problem) => !expected.test(problem)));
}

/**
 * Ends a visit. Expects that it caused no problem, and that the page stored nothing but the users
 * that were looked up.
 */
export async function leave({ page, context, problems }: Visit) {
  const stored = await page.evaluate(() => [...Object.entries(localStorage), ...Object.entries(sessionStorage)]);
  expect(stored.filter(([name]) => name !== 'sessiond.recent-users')).toEqual([]);
  expect(problems).toEqual([]);
  await context.close();
}
