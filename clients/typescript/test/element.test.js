// <sessiond-alert> in Chromium, without a framework and under a strict Content-Security-Policy.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { startServer } from "../../../tests/clients/server.js";
import { installed } from "./support/app.js";
import { startPages } from "./support/browser.js";
import { createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server;
let pages;
before(async () => {
  server = await startServer();
  pages = await startPages();
});
after(async () => {
  await pages.stop();
  assert.equal(await server.stop(), 0);
});

/** Shows the element with a client of the package, and keeps its events. */
const showElement = (page, options) =>
  page.evaluate(async (options) => {
    const { createClient } = await import("@sessiond/client");
    await import("@sessiond/client/element");
    window.events = [];
    for (const name of ["sessiond-decided", "sessiond-dismissed"]) {
      addEventListener(name, ({ type, detail }) => window.events.push({ type, ...detail }));
    }
    const element = document.createElement("sessiond-alert");
    element.client = createClient(options);
    document.body.append(element);
    document.querySelector("#before").focus();
  }, options);

/** Shows the element with a client that has one question with numbers, and keeps the decision. */
const showNumbers = (page) =>
  page.evaluate(async () => {
    await import("@sessiond/client/element");
    const attempt = {
      id: "attempt",
      userAgent: "second device",
      ipAddress: "192.0.2.7",
      device: { label: "Firefox 128 on Windows" },
      place: { city: "Berlin", country: "Germany" },
      matchChoices: [17, 42, 88],
    };
    const alert = { id: "alert", sequence: 1, kind: "LOGIN_PENDING", createdAt: "2026-11-26T18:00:00.000Z", attempt };
    const element = document.createElement("sessiond-alert");
    element.client = {
      mayHaveSession: true,
      generation: 0,
      onTokenChange: () => () => undefined,
      currentSession: async () => ({ sessionKey: "key", status: "ACTIVE" }),
      recentAlerts: async () => ({ alerts: [alert], cursor: "cursor" }),
      listen: ({ after }) => {
        void after();
        return { stop: () => undefined };
      },
      decide: async (...decision) => {
        window.decision = decision;
      },
    };
    document.body.append(element);
  });

/** Another device, whose login waits. */
async function ask(user) {
  const second = createClient({ url: server.url });
  const { matchNumber } = await second.login({ ...user.input, onConflict: "ASK", userAgent: "second device" });
  return { matchNumber, approval: second.waitForApproval() };
}

/** Approves in the dialog, with the number of the other device if the server matches numbers. */
async function approve(page, matchNumber) {
  if (matchNumber !== null) await page.getByLabel(String(matchNumber), { exact: true }).check();
  await page.getByRole("button", { name: "Yes, approve" }).click();
}

const dialogOf = (page) => page.getByRole("alertdialog", { name: "Is this you?" });

async function violations(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => [id, nodes[0].html]));
}

test("a waiting login is asked about, and DENY ends its wait", DEADLINE, async () => {
  const user = await createUser(server, "9800000001");
  const { page, problems, close } = await pages.open();
  await showElement(page, { url: server.url, token: user.token });
  const { approval } = await ask(user);
  const dialog = dialogOf(page);
  await dialog.waitFor();
  assert.match(await dialog.textContent(), /second device.*127\.0\.0\.1/s);
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole("button", { name: "No, deny" }).click();
  assert.deepEqual((await approval).approved, false);
  await dialog.waitFor({ state: "detached" });
  const [event] = await page.evaluate(() => window.events);
  assert.deepEqual([event.type, event.decision], ["sessiond-decided", "DENY"]);
  assert.equal(await page.evaluate(() => document.activeElement.id), "before");
  assert.deepEqual(problems, []);
  await close();
});

test("an approved login ends this session, and the page says so", DEADLINE, async () => {
  const user = await createUser(server, "9800000002");
  const { page, close } = await pages.open();
  await showElement(page, { url: server.url, token: user.token });
  const { matchNumber, approval } = await ask(user);
  await approve(page, matchNumber);
  assert.equal((await approval).approved, true);
  await page.getByRole("alert").filter({ hasText: "another device has logged in" }).waitFor();
  assert.deepEqual(await violations(page), []);
  await close();
});

test("keys that a person was typing decide nothing, and Escape closes without a decision", DEADLINE, async () => {
  const user = await createUser(server, "9800000003");
  const { page, close } = await pages.open();
  await showElement(page, { url: server.url, token: user.token });
  await ask(user);
  const dialog = dialogOf(page);
  await dialog.waitFor();
  for (const key of ["Space", "Enter", "y"]) await page.keyboard.press(key);
  assert.equal(await dialog.isVisible(), true);
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.shadowRoot.activeElement.localName);
  assert.ok(["button", "input"].includes(focused), focused);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const events = await page.evaluate(() => window.events.map(({ type }) => type));
  assert.deepEqual(events, ["sessiond-dismissed"]);
  await close();
});

test(
  "a question that waited before the page was loaded is shown, until it is decided elsewhere",
  DEADLINE,
  async () => {
    const user = await createUser(server, "9800000004");
    const { approval } = await ask(user);
    const device = createClient({ url: server.url, token: user.token });
    const { attempt } = await new Promise((resolve) => {
      device.listen({ after: user.alertCursor, onAlert: resolve });
    });
    const { page, close } = await pages.open();
    await showElement(page, { url: server.url, token: user.token });
    await dialogOf(page).waitFor();
    await device.decide(attempt.id, "DENY");
    await dialogOf(page).waitFor({ state: "detached" });
    assert.equal((await approval).approved, false);
    await close();
  },
);

/** Resolves when the server knows that the session of the user receives its alerts. */
async function untilListening(user) {
  const query = "query Listening($id: ID!) { node(id: $id) { ... on Session { isListening } } }";
  for (;;) {
    const { node } = await server.execute(query, { id: user.sessionKey });
    if (node.isListening) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a refused login is shown as a notice that can be closed", DEADLINE, async () => {
  const user = await createUser(server, "9800000005");
  const { page, close } = await pages.open();
  await showElement(page, { url: server.url, token: user.token });
  // The element does not show refused logins from before.
  await untilListening(user);
  await user.raiseAlert();
  const notice = page.getByRole("alert").filter({ hasText: "device 1" });
  await notice.waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Close" }).click();
  await notice.waitFor({ state: "hidden" });
  await close();
});

test("number matching: APPROVE needs a chosen number, and sends it", DEADLINE, async () => {
  const { page, problems, close } = await pages.open();
  await showNumbers(page);
  const dialog = dialogOf(page);
  await dialog.waitFor();
  assert.match(await dialog.textContent(), /Berlin, Germany/);
  const approve = dialog.getByRole("button", { name: "Yes, approve" });
  assert.equal(await approve.isDisabled(), true);
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole("group", { name: "Which number does the other device show?" }).getByLabel("42").check();
  await approve.click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(await page.evaluate(() => window.decision), ["attempt", "APPROVE", { matchNumber: 42 }]);
  assert.deepEqual(problems, []);
  await close();
});

test("texts can be translated, and colors can be set from outside", DEADLINE, async () => {
  const { page, close } = await pages.open();
  await page.evaluate(() => document.documentElement.style.setProperty("--sessiond-alert-accent", "rgb(1, 2, 3)"));
  await page.evaluate(async () => {
    await import("@sessiond/client/element");
    const create = document.createElement.bind(document);
    document.createElement = (name) => {
      const element = create(name);
      if (name === "sessiond-alert") element.texts = { deny: "Nein, ablehnen" };
      return element;
    };
  });
  await showNumbers(page);
  const deny = dialogOf(page).getByRole("button", { name: "Nein, ablehnen" });
  assert.equal(await deny.evaluate((button) => getComputedStyle(button).backgroundColor), "rgb(1, 2, 3)");
  await close();
});
