import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launch, leave, type Visit, visit } from './browser';
import { ExplorePage } from './explore-page';
import { LivePage } from './live-page';
import { type Server, startServer } from './server';

let server: Server;
let browser: Browser;
let visitor: Visit;
let explore: ExplorePage;

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
  explore = new ExplorePage(visitor.page);
});
afterEach(() => leave(visitor));

test('the start operations run: a user, its alerts, and a second device', async () => {
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  await explore.run();
  await explore.answers(/"message": "User created successfully"/);
  await explore.tab('SessionAlerts');
  await explore.run();
  await explore.connection('Connected, 1 running');
  await explore.tab('SecondLogin');
  await explore.run();
  await explore.answers(/"outcome": "REFUSED"/);
  // Its tab was left, and it runs on in the log.
  const event = explore.event('Event');
  await event.waitFor();
  expect(await event.innerText()).toMatch(/\d\d:\d\d:\d\d\s+1\s+Event\s+SessionAlerts/);
  await explore.tab('AskFirst');
  await explore.run();
  await explore.answers(/"outcome": "AWAITING_APPROVAL"/);
  await event.nth(1).waitFor();
  await event.first().getByRole('button').click();
  const asked = await visitor.page.getByRole('region', { name: /^Event.* in full$/ }).innerText();
  expect(asked).toContain('LOGIN_PENDING');
  const attemptId = /"attempt": \{\s+"id": "([^"]+)"/.exec(asked)?.[1];
  await explore.tab('DecideLogin');
  await explore.fillVariables({ attemptId, decision: 'DENY' });
  await explore.run();
  await explore.answers(/"endReason": "NOT_APPROVED"/);
  await event.nth(2).waitFor();
  await explore.tab('UserSessions');
  await explore.run();
  await explore.answers(/"status": "ENDED"/); // The latest one: the active one is below it, out of view.
  await visitor.page.getByRole('button', { name: 'Stop SessionAlerts' }).click();
  await explore.event('Stopped').waitFor();
  await explore.connection('No subscription');
});

test('an operation of a phone opens with its variables and its token', async () => {
  const live = new LivePage(visitor.page);
  await visitor.page.goto(server.url);
  await live.begin();
  await live.phone(1).press('Check token');
  await live.phone(1).root.getByText('query CurrentSession').waitFor();
  await live.phone(1).press('Open in GraphiQL');
  await explore.ready();
  expect(await visitor.page.getByLabel('Send as').inputValue()).toBe('device-1');
  await visitor.page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await explore.run();
  await explore.answers(/"isValid": true/);
  await visitor.page.getByLabel('Send as').selectOption('page');
  await explore.run();
  await explore.answers(/"currentSession": null/);
});

test('what a phone hands over opens ready to run, while another tab’s subscription runs on', async () => {
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  await explore.tab('SessionAlerts');
  await explore.run();
  await explore.connection('Connected, 1 running');
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  const live = new LivePage(visitor.page);
  await live.begin();
  await live.phone(1).press('Check token');
  await live.phone(1).root.getByText('query CurrentSession').waitFor();
  await live.phone(1).press('Open in GraphiQL');
  await visitor.page.getByText(/^Authorization: Bearer sd1_.{4}….{4}$/).waitFor();
  await explore.run();
  await explore.answers(/"isValid": true/);
  await explore.connection('Connected, 1 running');
});

test('run again, a tab’s subscription takes the place of the one that ran on', async () => {
  await visitor.page.goto(`${server.url}/explore`);
  await explore.ready();
  await explore.tab('SessionAlerts');
  await explore.run();
  await explore.connection('Connected, 1 running');
  await explore.tab('UserSessions');
  await explore.tab('SessionAlerts');
  await explore.run();
  await explore.event('Stopped').waitFor();
  await explore.event('Connected').nth(1).waitFor();
  await explore.connection('Connected, 1 running');
});

test('a phone’s subscription carries its token, and hears while another page is open', async () => {
  const live = new LivePage(visitor.page);
  await visitor.page.goto(server.url);
  await live.begin();
  await live.phone(1).press('SessionAlerts');
  await live.phone(1).press('Open in GraphiQL');
  await explore.ready();
  await explore.run();
  await explore.connection('Connected, 1 running');
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  await live.strangerTries();
  await live.phone(1).hears('Login refused');
  await live.phone(1).press('Log out');
  await live.phone(1).token('Dead');
  await visitor.page.getByRole('link', { name: 'Explore' }).click();
  await explore.event('Complete').waitFor();
  expect(await explore.event('Event').count()).toBe(2);
  await explore.connection('No subscription');
});

test('a refused subscription is logged with what was wrong', async () => {
  const live = new LivePage(visitor.page);
  await visitor.page.goto(server.url);
  await live.begin();
  await live.phone(1).press('SessionAlerts');
  await live.phone(1).press('Open in GraphiQL');
  await explore.ready();
  await visitor.page.getByRole('link', { name: 'Live' }).click();
  await live.phone(1).press('Log out');
  await live.phone(1).token('Dead');
  await visitor.page.getByRole('link', { name: 'Explore' }).click();
  await explore.run();
  await explore.event(/^(?:Error|Failed)$/).getByRole('button').click();
  await visitor.page.getByRole('region', { name: /^(?:Error|Failed).* in full$/ }).getByText('UNAUTHENTICATED').waitFor();
});

test('on a narrow screen no part is cut off by the screen', async () => {
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
