// The bank in two browsers, one of which approves or denies the login of the other.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SERVICE_KEY, startServer } from "../../tests/clients/server.js";
import { freePort, startBrowser, startProcess } from "./browser.js";

const DEADLINE = { timeout: 120_000 };

let server;
let bank;
let browser;
let origin;

before(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_ALLOWED_ORIGIN: origin });
  bank = await startProcess(process.execPath, [join(import.meta.dirname, "../bank/server.js")], {
    ready: /listening on (\S+)/,
    env: { PATH: process.env.PATH, SESSIOND_URL: server.url, SESSIOND_SERVICE_KEY: SERVICE_KEY, PORT: String(port) },
  });
  browser = await startBrowser();
});

after(async () => {
  await browser?.stop();
  await bank?.stop();
  await server?.stop();
});

const PASSWORD = "correct horse battery";

async function openAccount(page, mobile, name) {
  await page.getByLabel("Mobile number", { exact: true }).fill(mobile);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("Name, for a new account").fill(name);
  await page.getByRole("button", { name: "Open an account" }).click();
  await page.getByRole("heading", { name }).waitFor();
}

async function logIn(page, mobile, password = PASSWORD) {
  await page.getByLabel("Mobile number", { exact: true }).fill(mobile);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** The number that the waiting device shows. */
async function numberOn(page) {
  await page.getByRole("heading", { name: "Approve the login on your other device" }).waitFor();
  return page.locator("#waiting output").textContent();
}

test("the first device approves the second one, and is then logged out", DEADLINE, async () => {
  const [phone, laptop] = [await browser.device(origin), await browser.device(origin)];
  await openAccount(phone.page, "9622222201", "Ada");
  await phone.page.getByText("€100.00").waitFor();

  await logIn(laptop.page, "9622222201", "a wrong password");
  await laptop.page.getByText("The number or the password is wrong.").waitFor();
  await logIn(laptop.page, "9622222201");
  const number = await numberOn(laptop.page);

  const question = phone.page.getByRole("alertdialog", { name: "Is this you?" });
  await question.getByLabel(number, { exact: true }).check();
  await question.getByRole("button", { name: "Yes, approve" }).click();
  await laptop.page.getByRole("heading", { name: "Ada" }).waitFor();
  await phone.page.getByText("You are logged out, because another device has logged in.").waitFor();

  // The bank refuses the first device, although its page still shows the account.
  await phone.page.getByLabel("To (mobile number)").fill("9622222201");
  await phone.page.getByLabel("Amount in cents").fill("1");
  await phone.page.getByRole("button", { name: "Transfer" }).click();
  await phone.page.getByLabel("Password").waitFor();
  assert.deepEqual([phone.problems, laptop.problems], [[], []]);
});

test("a login that the first device denies does not reach the account", DEADLINE, async () => {
  const [phone, laptop] = [await browser.device(origin), await browser.device(origin)];
  await openAccount(phone.page, "9622222202", "Grace");
  await logIn(laptop.page, "9622222202");
  await numberOn(laptop.page);
  await phone.page.getByRole("alertdialog").getByRole("button", { name: "No, deny" }).click();
  await laptop.page.getByText("The login was not approved.").waitFor();
  await phone.page.reload();
  await phone.page.getByRole("heading", { name: "Grace" }).waitFor();
});

test("a waiting login survives a reload of its page", DEADLINE, async () => {
  const [phone, laptop] = [await browser.device(origin), await browser.device(origin)];
  await openAccount(phone.page, "9622222203", "Hedy");
  await logIn(laptop.page, "9622222203");
  const number = await numberOn(laptop.page);
  await laptop.page.reload();
  assert.equal(await numberOn(laptop.page), number);
  const question = phone.page.getByRole("alertdialog");
  await question.getByLabel(number, { exact: true }).check();
  await question.getByRole("button", { name: "Yes, approve" }).click();
  await laptop.page.getByRole("heading", { name: "Hedy" }).waitFor();
});

test("money moves between the accounts of two users", DEADLINE, async () => {
  const [payer, payee] = [await browser.device(origin), await browser.device(origin)];
  await openAccount(payee.page, "9622222204", "Emmy");
  await openAccount(payer.page, "9622222205", "Lise");
  await payer.page.getByLabel("To (mobile number)").fill("9622222204");
  await payer.page.getByLabel("Amount in cents").fill("2550");
  await payer.page.getByRole("button", { name: "Transfer" }).click();
  await payer.page.getByText("€74.50").waitFor();
  await payee.page.reload();
  await payee.page.getByText("€125.50").waitFor();
});

test("without a token, and with a wrong request, the bank refuses", DEADLINE, async () => {
  const send = (path, body, headers = {}) =>
    fetch(`${origin}/api/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  assert.equal((await send("transfers", { to: "9622222204", cents: 1 })).status, 401);
  assert.equal((await send("transfers", {}, { authorization: "Bearer sd1_a" })).status, 401);
  assert.equal((await send("register", { mobile: "1", name: "A", password: PASSWORD, deviceId: "a" })).status, 400);
  assert.equal((await send("login", null)).status, 400);
});
