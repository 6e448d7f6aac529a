// Cookies in Chromium: the client keeps no token, and a page of another origin cannot use the session
// of its visitor.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SERVICE_KEY, startServer } from "../../../tests/clients/server.js";
import { startPages } from "./support/browser.js";
import { createUser, DEADLINE, userWith } from "./support/users.js";

let pages;
before(async () => {
  pages = await startPages();
});
after(() => pages.stop());

for (const transport of ["websocket", "sse"]) {
  test(`the client logs in, listens (${transport}) and logs out without a token`, DEADLINE, async () => {
    const server = await startServer();
    const user = await createUser(server, "9710000001");
    const { page, problems, close } = await pages.open();
    const options = { url: server.url, cookie: true, transport };
    const login = await page.evaluate(
      async ([options, input]) => {
        const { createClient } = await import("@sessiond/client");
        const client = createClient(options);
        const before = await client.currentSession();
        const { outcome, token } = await client.login({ ...input, onConflict: "TAKE_OVER" });
        window.alerts = [];
        client.listen({ onAlert: ({ kind }) => window.alerts.push(kind) });
        return { before, outcome, token, own: client.token, readable: document.cookie };
      },
      [options, user.input],
    );
    // Without a cookie, the caller is the service, which has no session.
    assert.deepEqual(login, { before: null, outcome: "LOGGED_IN", token: null, own: null, readable: "" });
    await user.raiseAlert();
    await page.waitForFunction(() => window.alerts.includes("LOGIN_REFUSED"));

    await page.reload();
    const left = await page.evaluate(async (options) => {
      const { createClient } = await import("@sessiond/client");
      const client = createClient(options);
      const { status } = await client.currentSession();
      await client.logout();
      const after = await createClient(options).currentSession();
      return { status, after };
    }, options);
    assert.deepEqual(left, { status: "ACTIVE", after: null });
    assert.deepEqual(problems, []);
    await close();
    assert.equal(await server.stop(), 0);
  });
}

/** A server by HTTPS, and pages of another port, with one certificate for `localhost` and 127.0.0.1. */
async function startSite() {
  const folder = await mkdtemp(join(tmpdir(), "sessiond-cookies-"));
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(folder, name));
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const subject = ["-subj", "/CN=localhost", "-addext", names, "-days", "2"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
  const server = await startServer({
    SESSIOND_SERVICE_KEY: SERVICE_KEY,
    SESSIOND_TLS_CERT: cert,
    SESSIOND_TLS_KEY: key,
  });
  const tls = { cert: await readFile(cert), key: await readFile(key) };
  const foreign = createServer(tls, (_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Foreign</title><p>Foreign"),
  );
  foreign.listen(0, "127.0.0.1");
  await once(foreign, "listening");
  return {
    own: `https://localhost:${new URL(server.url).port}`,
    foreignPort: foreign.address().port,
    async stop() {
      foreign.closeAllConnections();
      foreign.close();
      await rm(folder, { recursive: true });
      assert.equal(await server.stop(), 0);
    },
  };
}

/** Sends an operation from the page, as its scripts would. */
const send = (page, url, query, variables, mode = "cors") =>
  page.evaluate(
    async ([url, query, variables, mode]) => {
      const body = JSON.stringify({ query, variables });
      // A request without CORS cannot have the type of JSON.
      const headers = { "content-type": mode === "cors" ? "application/json" : "text/plain" };
      const request = { method: "POST", mode, credentials: "include", headers, body };
      const response = await fetch(`${url}/graphql`, request);
      return mode === "cors" ? response.json() : response.type;
    },
    [url, query, variables, mode],
  );

/** The `sessionKey` that a WebSocket of the page finds, or null if it does not open. */
const ownSessionBySocket = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
        const query = "{ currentSession { sessionKey } }";
        socket.onopen = () => socket.send(JSON.stringify({ type: "connection_init" }));
        socket.onmessage = ({ data }) => {
          const { type, payload } = JSON.parse(data);
          if (type === "connection_ack") {
            socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query } }));
          } else if (type === "next") resolve(payload.data.currentSession?.sessionKey ?? null);
        };
        socket.onclose = () => resolve(null);
      }),
    url,
  );

test("a page of another origin cannot use the cookie: form, fetch and WebSocket", DEADLINE, async () => {
  const site = await startSite();
  const { page, context, close } = await pages.open({ ignoreHTTPSErrors: true, acceptDownloads: false });
  await page.goto(`${site.own}/llms.txt`);
  const input = { ...userWith("+9999710000"), password: "correct horse battery", cookie: true };
  const create = "mutation($input: CreateUserInput!) { createUser(input: $input) { token session { sessionKey } } }";
  const created = await send(page, site.own, create, { input });
  const { token, session } = created.data.createUser;
  assert.equal(token, null);
  const [cookie] = await context.cookies(site.own);
  assert.deepEqual(
    [cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.domain],
    ["__Host-sessiond", true, true, "Lax", "localhost"],
  );
  const own = "{ currentSession { sessionKey isValid } }";
  const isLoggedIn = async () => {
    const page = await context.newPage();
    await page.goto(`${site.own}/llms.txt`);
    const { data } = await send(page, site.own, own);
    assert.deepEqual(data.currentSession, { sessionKey: session.sessionKey, isValid: true });
    assert.equal(await ownSessionBySocket(page, site.own), session.sessionKey);
    await page.close();
  };
  await isLoggedIn();

  // The browser sends the cookie to another port of the same host, and not from another site.
  const logout = `mutation { invalidateSession(input: { sessionKey: "${session.sessionKey}" }) { message } }`;
  for (const host of ["localhost", "127.0.0.1"]) {
    const foreign = await context.newPage();
    const origin = `https://${host}:${site.foreignPort}`;
    await foreign.goto(origin);
    await assert.rejects(send(foreign, site.own, logout), /Failed to fetch/, origin);
    assert.equal(await send(foreign, site.own, logout, {}, "no-cors"), "opaque", origin);
    assert.equal(await ownSessionBySocket(foreign, site.own), null, origin);
    const answered = foreign.waitForResponse(`${site.own}/graphql`);
    await foreign.evaluate(
      ([url, query]) => {
        const form = document.createElement("form");
        Object.assign(form, { method: "post", enctype: "text/plain", action: `${url}/graphql` });
        const field = document.createElement("input");
        // The text of the form is JSON: its `=` stands within a string.
        Object.assign(field, { name: `{"query":${JSON.stringify(query)},"operationName":"`, value: '"}' });
        form.append(field);
        document.body.append(form);
        form.submit();
      },
      [site.own, logout],
    );
    assert.equal((await answered).status(), 403, origin);
    await isLoggedIn();
  }
  await close();
  await site.stop();
});
