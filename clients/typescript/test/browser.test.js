// The installed package in Chromium: a listener over 20 ends of the server, and the React hooks.

import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { SERVICE_KEY, startServer } from "../../../tests/clients/server.js";
import { APP, installed } from "./support/app.js";
import { startPages } from "./support/browser.js";
import { startProxy } from "./support/proxy.js";
import { createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");

let server;
let proxy;
let pages;
before(async () => {
  server = await startServer({ SESSIOND_MAX_ALERTS_PER_MINUTE: "1000" });
  proxy = await startProxy(server.url);
  pages = await startPages();
});
after(async () => {
  await pages.stop();
  await proxy.stop();
  assert.equal(await server.stop(), 0);
});

/** Listens in the page, and keeps there what it received. */
const listenInPage = (page, options) =>
  page.evaluate(async ({ after, ...options }) => {
    const { createClient } = await import("@sessiond/client");
    Object.assign(window, { received: [], state: null, opened: 0, ended: null });
    createClient(options).listen({
      after,
      onAlert: ({ sequence }) => window.received.push(sequence),
      onConnection: ({ state }) => {
        window.state = state;
        if (state === "open") window.opened += 1;
      },
      onEnded: ({ reason }) => {
        window.ended = reason;
      },
    });
  }, options);

test("Chromium: over 20 restarts and cuts nothing is lost and nothing arrives twice", DEADLINE, async () => {
  const user = await createUser(server, "9700000001");
  const { page, problems, close } = await pages.open();
  await listenInPage(page, {
    url: proxy.url,
    token: user.token,
    after: user.alertCursor,
    retry: { min: 10, max: 100 },
  });
  const until = (holds, argument) => page.waitForFunction(holds, argument, { polling: 20 });
  await until(() => window.state === "open");
  let raised = 0;
  const raise = async () => {
    await user.raiseAlert();
    raised += 1;
  };
  for (let round = 0; round < 20; round++) {
    const before = await page.evaluate(() => window.opened);
    if (round % 2 === 0) await raise();
    if (round % 4 === 3) proxy.cut();
    else await server.restart(round % 4 === 1 ? "SIGTERM" : "SIGKILL");
    await raise();
    await until((before) => window.opened > before && window.state === "open", before);
    await raise();
    await until((raised) => window.received.length >= raised, raised);
  }
  await createClient({ url: server.url, token: user.token }).logout();
  await until(() => window.ended);
  const { received, ended } = await page.evaluate(() => ({ received: window.received, ended: window.ended }));
  assert.deepEqual(
    received,
    Array.from({ length: 51 }, (_, index) => index + 1),
  );
  assert.equal(ended, "INVALIDATED");
  assert.deepEqual(problems, []);
  await close();
});

test("Chromium: the listener connects at once when the network is back", DEADLINE, async () => {
  const user = await createUser(server, "9700000002");
  const { page, close } = await pages.open();
  await listenInPage(page, { url: proxy.url, token: user.token, after: user.alertCursor, retry: { min: 3_600_000 } });
  await page.waitForFunction(() => window.state === "open");
  proxy.cut();
  await page.waitForFunction(() => window.state === "waiting");
  await user.raiseAlert();
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await page.waitForFunction(() => window.received.length === 1);
  await close();
});

test("Chromium: a page of an allowed origin registers, logs in with a password and listens", DEADLINE, async () => {
  const settings = { SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_ALLOWED_ORIGIN: pages.origin };
  const production = await startServer(settings);
  const { page, problems, close } = await pages.open();
  const result = await page.evaluate(async (url) => {
    const { createClient } = await import("@sessiond/client");
    const user = { mobile: "+9997000004", username: "Ada", password: "correct horse battery" };
    const phone = createClient({ url });
    await phone.createUser(user);
    const alert = new Promise((resolve) => phone.listen({ onAlert: resolve }));
    const laptop = createClient({ url });
    const { outcome } = await laptop.login(user);
    const { kind } = await alert;
    return { outcome, kind };
  }, production.url);
  assert.deepEqual(result, { outcome: "REFUSED", kind: "LOGIN_REFUSED" });
  assert.deepEqual(problems, []);
  await close();
  assert.equal(await production.stop(), 0);
});

test("React: the hooks show the session and its alerts, ask the question, and share one socket", DEADLINE, async () => {
  const user = await createUser(server, "9700000003");
  await user.raiseAlert();
  await copyFile(join(import.meta.dirname, "pages/react-app.jsx"), join(APP, "react-app.jsx"));
  const outfile = join(APP, "react-app.js");
  await build({
    entryPoints: [join(APP, "react-app.jsx")],
    outfile,
    bundle: true,
    format: "esm",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
  });
  const { page, problems, close } = await pages.open();
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  await page.evaluate(async (options) => (await import("/react-app.js")).start(options), {
    url: server.url,
    token: user.token,
  });
  const shows = (text) => page.getByText(text).waitFor();
  await shows("status: active");
  await shows("alerts: 1");
  await user.raiseAlert();
  await shows("alerts: 2");
  await shows("received now: 2");

  const second = createClient({ url: server.url });
  const { matchNumber } = await second.login({ ...user.input, onConflict: "ASK", userAgent: "second device" });
  const approval = second.waitForApproval();
  await page.getByRole("button", { name: `Let second device in ${matchNumber ?? ""}`.trim() }).click();
  assert.equal((await approval).approved, true);
  await shows("status: ended");
  await shows("reason: REPLACED");
  // React's strict mode mounts each component twice, so the first socket is closed at once.
  assert.ok(sockets <= 2, `${sockets} sockets`);
  assert.deepEqual(problems, []);
  await close();
});
