// The checker with a server of its own, a clock, and events of the feed in any order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createChecker } from "@sessiond/client/server";
import { SessionCache } from "../dist/server/cache.js";
import { credentialsOf } from "../dist/server/credentials.js";
import { FakeRuntime, settled } from "./support/fake-runtime.js";

/** A checker, and the `/verify` and the feed that it asks. */
function start(options = {}) {
  const runtime = new FakeRuntime();
  const run = { runtime, asked: 0, feed: null, cursors: [], refusals: [], answer: () => ok(runtime) };
  const fetch = async (url, request) => {
    if (url.endsWith("/verify")) {
      run.asked += 1;
      return run.answer();
    }
    if (request.headers.accept === "text/event-stream") {
      run.cursors.push(JSON.parse(request.body).variables.after);
      const stream = new TransformStream();
      run.feed = stream.writable.getWriter();
      return new Response(stream.readable, { headers: { "content-type": "text/event-stream" } });
    }
    return Response.json({ data: { eventCursor: "start" } });
  };
  run.checker = createChecker({
    url: "http://sessiond.test",
    fetch,
    runtime,
    onFeedRefused: (error) => run.refusals.push(error.code),
    ...options,
  });
  run.send = async (result) => {
    await run.feed.write(new TextEncoder().encode(`event: next\ndata: ${JSON.stringify(result)}\n\n`));
    await settled();
  };
  run.event = (event) =>
    run.send({ data: { sessionEvents: { cursor: "c", sessionKey: null, userId: null, ...event } } });
  return run;
}

function ok({ time }, lifetime = 1_800_000) {
  return new Response(null, {
    headers: {
      "x-session-key": "key",
      "x-user-id": "user",
      "x-user-mobile": "+491512345678",
      "x-user-name": "J%C3%BCrgen",
      "x-session-expires-at": new Date(time + lifetime).toISOString(),
    },
  });
}

const refused = () => new Response(null, { status: 401 });

test("an answer is kept for maxStaleness, and then the server is asked again", async () => {
  const { checker, runtime, ...run } = start();
  const session = await checker.check("token");
  assert.deepEqual([session.sessionKey, session.username], ["key", "Jürgen"]);
  runtime.advance(9_999);
  await checker.check("token");
  runtime.advance(1);
  const counts = start();
  await counts.checker.check("token");
  await counts.checker.check("token");
  assert.equal(counts.asked, 1);
  counts.runtime.advance(10_000);
  counts.answer = refused;
  assert.equal(await counts.checker.check("token"), null);
  assert.equal(counts.asked, 2);
  assert.equal(run.refusals.length, 0);
});

test("a session is refused when it expires, although its answer is still fresh", async () => {
  const run = start();
  run.answer = () => ok(run.runtime, 3_000);
  assert.ok(await run.checker.check("token"));
  run.answer = refused;
  run.runtime.advance(2_999);
  assert.ok(await run.checker.check("token"));
  run.runtime.advance(1);
  assert.equal(await run.checker.check("token"), null);
});

test("if the server is down, a fresh answer counts and an old one is an error", async () => {
  const run = start();
  await run.checker.check("token");
  run.answer = () => Promise.reject(new TypeError("connection refused"));
  run.runtime.advance(9_999);
  assert.ok(await run.checker.check("token"));
  run.runtime.advance(1);
  await assert.rejects(run.checker.check("token"), { code: "UNREACHABLE" });
  assert.equal((await run.checker.authenticate("Bearer token")).status, 503);
});

test("a clock that is set back makes no answer fresh", async () => {
  const run = start();
  await run.checker.check("token");
  run.runtime.time -= 3_600_000;
  run.answer = refused;
  assert.equal(await run.checker.check("token"), null);
});

test("without any staleness each check asks", async () => {
  const run = start({ maxStaleness: 0, key: "a service key" });
  await Promise.all([run.checker.check("token"), run.checker.check("token")]);
  assert.equal(run.asked, 2);
  assert.deepEqual(run.cursors, []);
});

test("checks of one token at the same time ask once", async () => {
  const run = start();
  await Promise.all(Array.from({ length: 10 }, () => run.checker.check("token")));
  assert.equal(run.asked, 1);
});

test("what cannot be a token is refused without a request", async () => {
  const run = start();
  for (const token of [null, undefined, "", "x".repeat(513), "with space", "line\nbreak", "ümlaut"]) {
    assert.equal(await run.checker.check(token), null);
  }
  for (const header of [undefined, "Basic abc", "Bearer", "Bearer a b"]) {
    const { status, headers } = await run.checker.authenticate(header);
    assert.deepEqual([status, headers["www-authenticate"]], [401, "Bearer"]);
  }
  assert.equal(run.asked, 0);
});

test("the feed keeps an answer fresh for 60 s, and removes a session that ended", async () => {
  const run = start({ key: "a service key" });
  await settled();
  assert.deepEqual(run.cursors, ["start"]);
  await run.event({ kind: "CAUGHT_UP" });
  await run.checker.check("token");
  for (let elapsed = 5_000; elapsed < 60_000; elapsed += 5_000) {
    run.runtime.advance(5_000);
    await run.event({ kind: "CAUGHT_UP" });
    assert.ok(await run.checker.check("token"));
  }
  assert.equal(run.asked, 1);
  run.runtime.advance(5_000);
  await run.checker.check("token");
  assert.equal(run.asked, 2);

  run.answer = refused;
  await run.event({ kind: "SESSION_ENDED", sessionKey: "another" });
  assert.ok(await run.checker.check("token"));
  await run.event({ kind: "SESSION_ENDED", sessionKey: "key" });
  assert.equal(await run.checker.check("token"), null);
});

test("a deleted user is refused at once", async () => {
  const run = start({ key: "a service key" });
  await settled();
  await run.checker.check("token");
  run.answer = refused;
  await run.event({ kind: "USER_DELETED", userId: "user" });
  assert.equal(await run.checker.check("token"), null);
});

test("a silent feed makes the answers old", async () => {
  const run = start({ key: "a service key" });
  await settled();
  await run.event({ kind: "CAUGHT_UP" });
  await run.checker.check("token");
  run.runtime.advance(10_000);
  await run.checker.check("token");
  assert.equal(run.asked, 2);
});

test("events from before the feed has caught up do not make an answer fresh", async () => {
  const run = start({ key: "a service key" });
  await settled();
  await run.checker.check("token");
  run.runtime.advance(6_000);
  await run.event({ kind: "SESSION_ACTIVE", sessionKey: "another" });
  run.runtime.advance(6_000);
  await run.checker.check("token");
  assert.equal(run.asked, 2);
});

test("a session that ends while it is checked is not kept", async () => {
  const run = start({ key: "a service key" });
  await settled();
  let answer;
  run.answer = () => new Promise((resolve) => (answer = resolve));
  const checked = run.checker.check("token");
  await run.event({ kind: "SESSION_ENDED", sessionKey: "key" });
  run.answer = refused;
  answer(ok(run.runtime));
  assert.equal(await checked, null);
});

test("a feed that broke continues after its last cursor, and an expired cursor empties the memory", async () => {
  const run = start({ key: "a service key", retry: { min: 100, max: 100 } });
  await settled();
  await run.event({ kind: "CAUGHT_UP", cursor: "later" });
  await run.checker.check("token");
  await run.feed.close();
  await settled();
  run.runtime.advance(200);
  await settled();
  assert.deepEqual(run.cursors, ["start", "later"]);

  await run.send({ errors: [{ message: "too old", extensions: { code: "CURSOR_EXPIRED" } }] });
  run.runtime.advance(200);
  await settled();
  assert.deepEqual(run.cursors, ["start", "later", "start"]);
  await run.checker.check("token");
  assert.equal(run.asked, 2);
});

test("a server without a feed is asked more often instead", async () => {
  const run = start({ key: "a service key" });
  await settled();
  await run.send({ errors: [{ message: 'Unknown field "sessionEvents"', extensions: { code: "BAD_REQUEST" } }] });
  assert.deepEqual(run.refusals, ["BAD_REQUEST"]);
  assert.ok(await run.checker.check("token"));
});

test("a refused feed is opened again after pauses that grow to a minute", async () => {
  const delays = [];
  const onFeed = ({ state, retryInMs }) => state === "waiting" && delays.push(retryInMs);
  const run = start({ key: "a service key", onFeed });
  const refuse = async () => {
    await settled();
    await run.send({ errors: [{ message: "The key is not valid.", extensions: { code: "UNAUTHENTICATED" } }] });
  };
  for (let round = 0; round < 9; round++) {
    await refuse();
    run.runtime.advance(delays.at(-1));
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(run.refusals, ["UNAUTHENTICATED"]);

  // The key is valid now. The feed covers what is checked from here on.
  await settled();
  await run.event({ kind: "CAUGHT_UP" });
  await run.checker.check("token");
  run.runtime.advance(9_000);
  await run.event({ kind: "CAUGHT_UP" });
  run.runtime.advance(9_000);
  assert.ok(await run.checker.check("token"));
  assert.equal(run.asked, 1);
  await refuse();
  assert.equal(delays.at(-1), 500);
  assert.equal(run.refusals.length, 2);
});

/** The token that a request is checked by, or its refusal. */
function credentials(headers, { method = "GET", ...options } = {}) {
  const found = credentialsOf({ method, header: (name) => headers[name] }, options);
  return found.token ?? found.refusal ?? null;
}

test("a session's token in the header wins over the cookie, and the cookie over another text", () => {
  const cookie = "a=b; __Host-sessiond=sd1_cookie;c=d";
  for (const [authorization, expected] of [
    [undefined, "sd1_cookie"],
    ["Basic dXNlcjpwYXNzd29yZA==", "sd1_cookie"],
    ["Bearer", "sd1_cookie"],
    ["Bearer a-token-of-the-app", "sd1_cookie"],
    ["Bearer sd1_header", "sd1_header"],
    ["bearer   sd1_header ", "sd1_header"],
    ["Bearer sd1_header, Bearer sd1_other", "sd1_header, Bearer sd1_other"],
  ]) {
    assert.equal(credentials({ authorization, cookie }), expected, authorization);
  }
  assert.equal(credentials({ authorization: "Bearer a-token-of-the-app" }), "a-token-of-the-app");
});

test("only the cookie of its own name counts, and two of that name are refused", () => {
  for (const [cookie, expected] of [
    [undefined, null],
    ["__Host-sessiond=", null],
    ["__Host-sessiond", null],
    ["__host-sessiond=sd1_a", null],
    ["x__Host-sessiond=sd1_a", null],
    ["\u2000__Host-sessiond=sd1_a", null],
    ["sessiond-dev=sd1_a", null],
    [["a=b", "\t__Host-sessiond = sd1_a "], "sd1_a"],
    ["__Host-sessiond=sd1_a; __Host-sessiond=sd1_a", "REPEATED_COOKIE"],
    ["__Host-sessiond=sd1_a; __Host-sessiond=", "REPEATED_COOKIE"],
  ]) {
    assert.equal(credentials({ cookie }), expected, cookie);
  }
  assert.equal(credentials({ cookie: "sessiond-dev=sd1_a" }, { cookieName: "sessiond-dev" }), "sd1_a");
  assert.equal(credentials({ cookie: "__Host-sessiond=sd1_a" }, { cookieName: null }), null);
});

test("with the cookie, a request that changes something must come from a page of the app", () => {
  const cookie = "__Host-sessiond=sd1_a";
  const host = "app.example.com";
  const own = "https://app.example.com";
  const other = "https://other.example.com";
  for (const [headers, passes] of [
    [{}, false],
    [{ "sec-fetch-site": "same-origin" }, true],
    [{ "sec-fetch-site": "same-origin", origin: own, host: "rewritten:8080" }, true],
    [{ "sec-fetch-site": "same-site", origin: other, host }, false],
    [{ "sec-fetch-site": "cross-site", origin: "https://evil.example", host }, false],
    [{ "sec-fetch-site": "none" }, false],
    [{ origin: own, host }, true],
    [{ origin: other, host }, false],
    [{ origin: "null", host }, false],
    [{ origin: `${own}:8443`, host }, false],
  ]) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "UNKNOWN"]) {
      const expected = passes ? "sd1_a" : "FOREIGN_PAGE";
      assert.equal(credentials({ ...headers, cookie }, { method }), expected, `${method} ${JSON.stringify(headers)}`);
    }
    for (const method of ["GET", "HEAD", "OPTIONS"])
      assert.equal(credentials({ ...headers, cookie }, { method }), "sd1_a");
    assert.equal(credentials({ ...headers, authorization: "Bearer sd1_b", cookie }, { method: "POST" }), "sd1_b");
  }
  const upgrade = { cookie, upgrade: "websocket", origin: other, host };
  assert.equal(credentials(upgrade), "FOREIGN_PAGE");
  assert.equal(credentials(upgrade, { allowedOrigins: [other] }), "sd1_a");
});

test("the memory has a bound, and keeps hashes instead of tokens", async () => {
  const cache = new SessionCache(2);
  for (const name of ["a", "b", "c"]) {
    const session = { sessionKey: name, userId: name, expiresAt: new Date() };
    assert.equal(cache.insert(`hash ${name}`, { session, checkedAt: 0 }, cache.removals), true);
  }
  assert.equal(cache.size, 2);
  assert.equal(cache.get("hash a"), undefined);

  const since = cache.removals;
  for (let count = 0; count <= 1_000; count++) cache.removeSession(`other ${count}`);
  const session = { sessionKey: "d", userId: "d", expiresAt: new Date() };
  assert.equal(cache.insert("hash d", { session, checkedAt: 0 }, since), false, "too much has happened since");

  const { checker } = start();
  await checker.check("sd1_secret");
  assert.ok(!JSON.stringify([...checker.cache.entries]).includes("sd1_secret"));
});
