// The code of docs/guide, in the app that has nothing but the installed package. A block whose first
// line is its file name is a program. The text block after it is its output.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { startServer } from "../../../tests/clients/server.js";
import { APP, installed } from "./support/app.js";
import { startPages } from "./support/browser.js";
import { createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");
const FOLDER = join(APP, "guide");

let server;
let pages;
const blocks = {};
before(async () => {
  server = await startServer();
  await mkdir(FOLDER, { recursive: true });
  for (const page of ["log-in", "listen", "approve", "check", "revoke", "feed", "cookies", "testing"]) {
    const text = await readFile(new URL(`../../../docs/guide/${page}.md`, import.meta.url), "utf8");
    const code = text.replaceAll("http://localhost:3000", server.url);
    // A block of a list is indented.
    const pattern = /^ *```(js|jsx|html|graphql|sh)\n(.*?)^ *```\n(?:```text\n(.*?)^```)?/gms;
    blocks[page] = [...code.matchAll(pattern)].map(([, language, code, output]) => ({
      language,
      code,
      output: output?.trimEnd().split("\n"),
      name: code.match(/^\/\/ (\S+)\n/)?.[1],
    }));
  }
});
after(async () => {
  await pages?.stop();
  assert.equal(await server.stop(), 0);
});

const environment = () => {
  // A test that is started by a test would report to it instead of to its output.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return env;
};

async function write({ name, code }) {
  const path = join(FOLDER, name);
  await writeFile(path, code);
  return path;
}

for (const page of ["log-in", "listen", "approve", "revoke", "feed"]) {
  test(`${page}.md: the program prints what the page says`, DEADLINE, async () => {
    const [program] = blocks[page].filter(({ language }) => language === "js");
    const { stdout } = await promisify(execFile)(process.execPath, [await write(program)], { env: environment() });
    assert.deepEqual(stdout.trimEnd().split("\n"), program.output);
  });
}

test("testing.md: the test of the page passes", DEADLINE, async () => {
  const [program] = blocks.testing;
  const { stdout } = await promisify(execFile)(process.execPath, ["--test", await write(program)], {
    env: environment(),
  });
  assert.match(stdout, /pass 1\b/);
});

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  return String(port);
}

test("check.md: each back end lets a request pass with a valid token only", DEADLINE, async () => {
  const user = await createUser(server, "9900000001");
  assert.equal(blocks.check.length, 3);
  for (const program of blocks.check) {
    const port = await freePort();
    const path = await write({ ...program, code: program.code.replace("8080", port) });
    const child = spawn(process.execPath, [path], { env: environment(), stdio: ["ignore", "pipe", "inherit"] });
    await once(createInterface({ input: child.stdout }), "line");
    const request = (headers) => fetch(`http://127.0.0.1:${port}/api/me`, { headers });
    assert.equal((await request({})).status, 401, program.name);
    const passed = await request({ authorization: `Bearer ${user.token}` });
    assert.equal((await passed.json()).sessionKey, user.sessionKey, program.name);
    child.kill();
  }
});

/** The data of the first events of a subscription, until `isLast` holds for one. */
async function eventsUntil(isLast, headers, body) {
  const closing = new AbortController();
  const response = await fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: { ...headers, accept: "text/event-stream", "content-type": "application/json" },
    body,
    signal: closing.signal,
  });
  const events = [];
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const [, json] of parts.map((part) => part.match(/^data: ?(.+)$/m)).filter(Boolean)) {
      events.push(JSON.parse(json).data.sessionEvents);
      if (!isLast(events.at(-1))) continue;
      closing.abort();
      return events;
    }
  }
  assert.fail(`the stream ended after ${JSON.stringify(events)}`);
}

test("feed.md: the active sessions and the events after the cursor leave no gap", DEADLINE, async () => {
  const [cursor, sessions, subscription] = blocks.feed.filter(({ language }) => language === "graphql");
  const before = await createUser(server, "9900000005");
  const { eventCursor } = await server.execute(cursor.code);
  const user = await createUser(server, "9900000006");
  const keys = [];
  for (let after = null; ; ) {
    const { activeSessions } = await server.execute(sessions.code, { after });
    keys.push(...activeSessions.nodes.map(({ sessionKey }) => sessionKey));
    if (!activeSessions.pageInfo.hasNextPage) break;
    after = activeSessions.pageInfo.endCursor;
  }
  assert.ok(keys.includes(before.sessionKey));
  await createClient({ url: server.url, token: user.token }).logout();
  const body = JSON.stringify({ query: subscription.code, variables: { after: eventCursor } });
  const isCaughtUp = ({ kind }) => kind === "CAUGHT_UP";
  const events = await eventsUntil(isCaughtUp, {}, body);
  const own = events.filter(({ sessionKey }) => sessionKey === user.sessionKey);
  assert.deepEqual(
    own.map(({ kind, endReason }) => [kind, endReason]),
    [
      ["SESSION_ACTIVE", null],
      ["SESSION_ENDED", "INVALIDATED"],
    ],
  );
  // The command of the page never ends, so its request is sent without curl.
  const [command] = blocks.feed.filter(({ language }) => language === "sh");
  const [, request] = command.code.match(/-d '(.*)'$/m);
  const { cursor: latest } = (await eventsUntil(isCaughtUp, {}, request)).at(-1);
  assert.ok(latest);
});

/** Opens a page that has the token of a user, and puts HTML of the guide into it. */
async function openWith(user) {
  pages ??= await startPages();
  const { page, problems, close } = await pages.open();
  await page.evaluate((token) => sessionStorage.setItem("token", token), user.token);
  const show = (html) =>
    page.evaluate((html) => {
      const fragment = document.createRange().createContextualFragment(html);
      document.querySelector("main").append(fragment);
    }, html);
  return { page, problems, close, show };
}

test("log-in.md: the page greets a user whose token it has stored", DEADLINE, async () => {
  const user = await createUser(server, "9900000002");
  const [html] = blocks["log-in"].filter(({ language }) => language === "html");
  const { page, problems, close, show } = await openWith(user);
  await show(html.code);
  await page.getByText("Welcome back, SavingsBank").waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("cookies.md: the page logs in without a token, and keeps the session over a reload", DEADLINE, async () => {
  const user = await createUser(server, "9900000007");
  const [html] = blocks.cookies.filter(({ language }) => language === "html");
  const { page, problems, close, show } = await openWith(user);
  await show(html.code);
  await page.getByText("Please log in").waitFor();
  await page.locator("[name=mobile]").fill("9900000008");
  await page.locator("[name=username]").fill("SavingsBank");
  await createUser(server, "9900000008").then(({ token }) => createClient({ url: server.url, token }).logout());
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Logged in successfully.").waitFor();
  await page.reload();
  await show(html.code);
  await page.getByText("Welcome back, SavingsBank").waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("cookies.md: the function logs in without the package", DEADLINE, async () => {
  const user = await createUser(server, "9900000009");
  const [program] = blocks.cookies.filter(({ language }) => language === "js");
  const { logIn } = await import(pathToFileURL(await write(program)));
  const { outcome, token } = await logIn(server.url, { ...user.input, onConflict: "TAKE_OVER" });
  assert.deepEqual({ outcome, token }, { outcome: "LOGGED_IN", token: null });
});

/** A login of another device, which waits. */
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

test("approve.md: the element of the page asks, and the other device is let in", DEADLINE, async () => {
  const user = await createUser(server, "9900000003");
  const [html] = blocks.approve.filter(({ language }) => language === "html");
  const { page, problems, close, show } = await openWith(user);
  await show(html.code);
  const { matchNumber, approval } = await ask(user);
  await approve(page, matchNumber);
  assert.equal((await approval).approved, true);
  assert.deepEqual(problems, []);
  await close();
});

test("listen.md and approve.md: the React components show alerts, and deny a login", DEADLINE, async () => {
  const user = await createUser(server, "9900000004");
  const components = [...blocks.listen, ...blocks.approve].filter(({ language }) => language === "jsx");
  assert.deepEqual(
    components.map(({ name }) => name),
    ["App.jsx", "Question.jsx"],
  );
  for (const component of components) {
    // The question has its place among the other contents of the account.
    const code = component.code
      .replace("    <Account />", "    <Account />\n    <Question />")
      .replace('from "@sessiond/client";', 'from "@sessiond/client";\nimport { Question } from "./Question.jsx";');
    await write({ ...component, code: component.name === "App.jsx" ? code : component.code });
  }
  await write({
    name: "main.jsx",
    code: `import { createRoot } from "react-dom/client"; import { App } from "./App.jsx";
      createRoot(document.querySelector("main")).render(<App />);`,
  });
  await build({
    entryPoints: [join(FOLDER, "main.jsx")],
    outfile: join(FOLDER, "main.js"),
    bundle: true,
    format: "esm",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
  });
  const { page, problems, close } = await openWith(user);
  await page.evaluate(() => import("/guide/main.js"));
  await page.getByText("active").waitFor();
  await user.raiseAlert();
  await page.getByRole("listitem").first().waitFor();
  const { approval } = await ask(user);
  await page.getByRole("button", { name: "No" }).click();
  assert.equal((await approval).approved, false);
  assert.deepEqual(problems, []);
  await close();
});
