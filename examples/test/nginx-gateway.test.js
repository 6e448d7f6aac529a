// The static site behind nginx, in Chromium.

import assert from "node:assert/strict";
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SERVICE_KEY, startServer } from "../../tests/clients/server.js";
import { freePort, startBrowser, startProcess } from "./browser.js";

const EXAMPLE = join(import.meta.dirname, "../nginx-gateway");
const DEADLINE = { timeout: 120_000 };

let server;
let nginx;
let browser;
let folder;
let origin;

before(async () => {
  server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_CLIENT_IP_SOURCE: "x-real-ip" });
  folder = await mkdtemp(join(tmpdir(), "sessiond-nginx-"));
  await cp(EXAMPLE, folder, { recursive: true });
  const port = await freePort();
  const config = await readFile(join(EXAMPLE, "nginx.conf"), "utf8");
  const ours = config
    .replace("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replace("127.0.0.1:3000", new URL(server.url).host);
  await writeFile(join(folder, "nginx.conf"), ours);
  origin = `http://127.0.0.1:${port}`;
  // The workers of nginx run as another user if root starts it.
  await chmod(folder, 0o755);
  const program = process.env.NGINX || "nginx";
  // nginx reads sockets of an earlier process from the variable NGINX.
  const env = { PATH: process.env.PATH };
  nginx = await startProcess(program, ["-p", folder, "-c", "nginx.conf", "-e", "stderr"], { env });
  await Promise.race([accepts(origin), nginx.failed]);
  browser = await startBrowser();
});

after(async () => {
  await browser?.stop();
  await nginx?.stop();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function accepts(url) {
  for (;;) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function fill(page, mobile, button) {
  await page.getByLabel("Mobile number").fill(mobile);
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: button }).click();
}

test("only a logged-in device reads the members' pages, and one device at a time", DEADLINE, async () => {
  const phone = await browser.device(`${origin}/members/`);
  await phone.page.getByRole("heading", { name: "Log in" }).waitFor();
  await fill(phone.page, "9612345601", "Register");
  await phone.page.getByRole("heading", { name: "For members" }).waitFor();

  assert.equal(await phone.page.evaluate(() => document.cookie), "", "no script can read the token");

  const laptop = await browser.device(origin);
  await fill(laptop.page, "9612345601", "Log in");
  const message = "There is already a session up and running. Please log out and log in again.";
  await laptop.page.getByText(message).waitFor();

  await phone.page.getByRole("button", { name: "Log out" }).click();
  await phone.page.getByRole("heading", { name: "Log in" }).waitFor();
  await phone.page.goto(`${origin}/members/`);
  await phone.page.getByRole("heading", { name: "Log in" }).waitFor();

  await fill(laptop.page, "9612345601", "Log in");
  await laptop.page.getByRole("heading", { name: "For members" }).waitFor();
  assert.deepEqual([phone.problems, laptop.problems], [[], []]);
});

test("a device that another one has replaced is sent to the login page", DEADLINE, async () => {
  const phone = await browser.device(origin);
  await fill(phone.page, "9612345602", "Register");
  await phone.page.getByRole("heading", { name: "For members" }).waitFor();
  const input = {
    mobile: "9612345602",
    username: "Ada Lovelace",
    onConflict: "TAKE_OVER",
    userAgent: "another device",
  };
  await server.execute("mutation($input: LoginInput!) { login(input: $input) { outcome } }", { input }, SERVICE_KEY);
  await phone.page.reload();
  await phone.page.getByRole("heading", { name: "Log in" }).waitFor();
});

test("a program is checked by its header, and no header names a user", DEADLINE, async () => {
  const path = `${origin}/members/`;
  const forged = { "x-user-name": "Ada", "x-session-key": "a", cookie: "__Host-sessiond=forged" };
  const refused = await fetch(path, { headers: forged, redirect: "manual" });
  assert.deepEqual([refused.status, refused.headers.get("location")], [302, "/"]);

  const create = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
  const input = { mobile: "9612345603", username: "Grace" };
  const { createUser } = await server.execute(create, { input }, SERVICE_KEY);
  const authorization = `Bearer ${createUser.token}`;
  const passed = await fetch(path, { headers: { ...forged, authorization } });
  assert.deepEqual([passed.status, passed.headers.get("x-user-name")], [200, "Grace"]);
  assert.equal(passed.headers.get("cache-control"), "private, no-store");
});
