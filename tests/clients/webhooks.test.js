// The receiver of docs/guide/webhooks.md, with the npm package `standardwebhooks`, which verifies what
// the server sends.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { CREATE, credentials, LOGIN } from "./operations.js";
import { DEADLINE, startServer } from "./server.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET = "whsec_bmV3IHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVz";

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sessiond-webhooks-"));
  await symlink(new URL("node_modules", import.meta.url), join(folder, "node_modules"));
});
after(() => rm(folder, { recursive: true }));

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  return port;
}

/** Registers a user, and refuses a login of another device, which raises an alert. */
async function raiseAlert(server, mobile) {
  const input = credentials(mobile);
  const { createUser } = await server.execute(CREATE, { input });
  await server.execute(LOGIN, { input: { ...input, userAgent: "another device" } });
  return createUser;
}

test("the receiver of the guide prints the test message and an alert", DEADLINE, async () => {
  const page = await readFile(new URL("../../docs/guide/webhooks.md", import.meta.url), "utf8");
  const [, block] = page.match(/^ *```js\n(.*?)^ *```/ms);
  const port = await freePort();
  const program = join(folder, "receiver.mjs");
  await writeFile(program, block.replaceAll("8081", String(port)));
  const env = { PATH: process.env.PATH, SESSIOND_WEBHOOK_SECRET: SECRET };
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => (await lines.next()).value;
  assert.equal(await nextLine(), "receiving");

  const url = `http://localhost:${port}/webhooks`;
  const server = await startServer({ SESSIOND_WEBHOOK_URL: url, SESSIOND_WEBHOOK_SECRET: SECRET });
  const command = ["webhook", "test", `--webhook-url=${url}`];
  await promisify(execFile)(process.env.SESSIOND, command, { env: { SESSIOND_WEBHOOK_SECRET: SECRET } });
  assert.equal(await nextLine(), "webhook.test undefined");
  const { session } = await raiseAlert(server, "9400000001");
  assert.equal(await nextLine(), `alert.login_refused ${session.sessionKey}`);

  // Somebody without the secret.
  const forged = await fetch(url, { method: "POST", body: "{}", headers: { "webhook-id": "1" } });
  assert.equal(forged.status, 401);
  child.kill();
  assert.equal(await server.stop(), 0);
});

test("both secrets verify a delivery during a rotation, and no other", DEADLINE, async () => {
  const received = [];
  const events = new EventTarget();
  const receiver = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ body: Buffer.concat(chunks), headers: request.headers });
    response.writeHead(204).end();
    events.dispatchEvent(new Event("message"));
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const { port } = receiver.address();
  const server = await startServer({
    SESSIOND_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks`,
    SESSIOND_WEBHOOK_SECRET: `${SECRET} ${OTHER_SECRET}`,
  });
  const arrived = new Promise((resolve) => events.addEventListener("message", resolve, { once: true }));
  const { session } = await raiseAlert(server, "9400000002");
  await arrived;
  const [{ body, headers }] = received;
  for (const secret of [SECRET, OTHER_SECRET]) {
    const message = new Webhook(secret).verify(body, headers);
    assert.equal(message.data.sessionKey, session.sessionKey);
    assert.equal(message.data.alertId, headers["webhook-id"]);
  }
  const another = new Webhook("whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcw==");
  assert.throws(() => another.verify(body, headers), /No matching signature/);
  const changed = Buffer.concat([body, Buffer.from(" ")]);
  assert.throws(() => new Webhook(SECRET).verify(changed, headers), /No matching signature/);
  receiver.close();
  receiver.closeAllConnections();
  assert.equal(await server.stop(), 0);
});
