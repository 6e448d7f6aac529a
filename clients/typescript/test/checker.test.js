// The checker and its middleware in Express, Fastify and Hono, against the server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { SERVICE_KEY, startServer } from "../../../tests/clients/server.js";
import { installed } from "./support/app.js";
import { condition, createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");
const { createChecker, expressSession, fastifySession, honoSession } = await installed("@sessiond/client/server");

let server;
let checker;
before(async () => {
  server = await startServer();
  checker = createChecker({ url: server.url, maxStaleness: 0 });
});
after(async () => {
  checker.close();
  assert.equal(await server.stop(), 0);
});

const nameOf = ({ username, mobile }) => ({ username, mobile });

/** Each starts an app with one protected page, and returns its port and a function that stops it. */
const frameworks = {
  async express() {
    const app = express();
    app.use(expressSession(checker));
    app.get("/", (request, response) => response.json(nameOf(request.sessiond)));
    app.post("/", (_request, response) => response.status(201).end());
    const listener = createServer(app).listen(0, "127.0.0.1");
    await once(listener, "listening");
    return { port: listener.address().port, stop: () => listener.close() };
  },
  async fastify() {
    const app = fastify({ forceCloseConnections: true });
    app.addHook("onRequest", fastifySession(checker));
    app.get("/", async (request) => nameOf(request.sessiond));
    app.post("/", async (_request, reply) => reply.code(201).send());
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: app.server.address().port, stop: () => app.close() };
  },
  async hono() {
    const app = new Hono();
    app.use(honoSession(checker));
    app.get("/", (context) => context.json(nameOf(context.get("sessiond"))));
    app.post("/", (context) => context.body(null, 201));
    const listener = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    if (!listener.listening) await once(listener, "listening");
    return { port: listener.address().port, stop: () => listener.close() };
  },
};

Object.entries(frameworks).forEach(([name, startApp], index) => {
  test(`${name}: a request passes with a valid token only`, DEADLINE, async () => {
    const app = await startApp();
    const mobile = `960000000${index}`;
    const user = await createUser(server, mobile);
    const request = (token) =>
      fetch(`http://127.0.0.1:${app.port}/`, { headers: token ? { authorization: `Bearer ${token}` } : {} });

    const passed = await request(user.token);
    assert.deepEqual([passed.status, await passed.json()], [200, { username: "SavingsBank", mobile }]);

    const anonymous = await request(null);
    assert.deepEqual([anonymous.status, anonymous.headers.get("www-authenticate")], [401, "Bearer"]);

    await createClient({ url: server.url, token: user.token }).logout();
    const revoked = await request(user.token);
    assert.equal(revoked.status, 401);
    assert.equal(revoked.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    assert.ok((await revoked.json()).error);
    await app.stop();
  });
});

Object.entries(frameworks).forEach(([name, startApp], index) => {
  test(`${name}: a request passes with the cookie, and one of another page changes nothing`, DEADLINE, async () => {
    const app = await startApp();
    const user = await createUser(server, `960000003${index}`);
    const request = (method, headers) =>
      fetch(`http://127.0.0.1:${app.port}/`, {
        method,
        headers: { cookie: `__Host-sessiond=${user.token}`, ...headers },
      });
    assert.equal((await request("GET", {})).status, 200);
    assert.equal((await request("GET", { authorization: "Basic dXNlcjpwYXNzd29yZA==" })).status, 200);
    assert.equal((await request("GET", { authorization: "Bearer sd1_another" })).status, 401);
    const repeated = { cookie: `__Host-sessiond=${user.token}; __Host-sessiond=${user.token}` };
    assert.equal((await request("GET", repeated)).status, 400);

    const foreign = await request("POST", { origin: "http://127.0.0.1:1" });
    assert.deepEqual([foreign.status, typeof (await foreign.json()).error], [403, "string"]);
    assert.equal((await request("POST", { origin: `http://127.0.0.1:${app.port}` })).status, 201);
    await app.stop();
  });
});

test("while the server is down, requests are refused with 503 and not let through", DEADLINE, async () => {
  const own = await startServer();
  const user = await createUser(own, "9600000010");
  const strict = createChecker({ url: own.url, maxStaleness: 0 });
  assert.equal((await strict.authenticate(`Bearer ${user.token}`)).status, 200);
  await own.stop();
  const { status, headers } = await strict.authenticate(`Bearer ${user.token}`);
  assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
});

test("a pending session does not pass", DEADLINE, async () => {
  const user = await createUser(server, "9600000011");
  const second = createClient({ url: server.url });
  await second.login({ ...user.input, onConflict: "ASK", userAgent: "second device" });
  assert.equal(await checker.check(second.token), null);
});

test("the feed removes a session that ended, over restarts of the server", DEADLINE, async (context) => {
  const own = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY });
  context.after(() => own.stop());
  const { changed, until } = condition();
  let feed = null;
  const followed = createChecker({
    url: own.url,
    key: SERVICE_KEY,
    maxStaleness: 60_000,
    retry: { min: 10, max: 100 },
    onFeed: ({ state }) => {
      feed = state;
      changed();
    },
  });
  context.after(() => followed.close());
  await until(() => feed === "open");

  const users = await Promise.all(
    Array.from({ length: 3 }, (_, index) => createUser(own, `960000002${index}`, SERVICE_KEY)),
  );
  for (const { token } of users) assert.ok(await followed.check(token));
  const removed = async ({ token }) => {
    while (await followed.check(token)) await new Promise((resolve) => setImmediate(resolve));
  };
  await createClient({ url: own.url, token: users[0].token }).logout();
  await removed(users[0]);
  await own.restart("SIGKILL");
  await createClient({ url: own.url, token: users[1].token }).logout();
  await removed(users[1]);
  assert.ok(await followed.check(users[2].token));
});
