// Server-sent events with npm's graphql-sse, in distinct connections mode. Each operation is a
// POST, and its response is a stream of `next` events and one `complete`. This mode is for clients
// behind proxies that block WebSockets.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "graphql-sse";
import { ALERTS, CREATE, CURRENT, credentials, LOG_OUT, LOGIN } from "./operations.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

let server;
before(async () => (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_KEEP_ALIVE: "1s" })));
after(async () => assert.equal(await server.stop(), 0));

function connect(token, options) {
  return createClient({
    url: server.graphql,
    headers: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  });
}

/**
 * Creates a user with one session. `secondDevice` attempts a login that is refused, which raises an
 * alert.
 */
async function createUser(mobile) {
  const input = credentials(mobile);
  const { token, session, user } = (await server.execute(CREATE, { input })).createUser;
  return {
    token,
    key: session.sessionKey,
    alertCursor: user.alertCursor,
    async secondDevice(userAgent) {
      const { login } = await server.execute(LOGIN, { input: { ...input, userAgent, onConflict: "REJECT" } });
      assert.equal(login.outcome, "REFUSED");
    },
  };
}

async function next(results) {
  const { value, done } = await results.next();
  assert.equal(done, false);
  assert.equal(value.errors, undefined);
  return value.data.sessionAlerts;
}

test("a stream delivers alerts, and completes when its session ends", DEADLINE, async () => {
  const { token, key, secondDevice, alertCursor } = await createUser("9600000001");
  for (const userAgent of ["first browser", "second browser"]) await secondDevice(userAgent);

  const client = connect(token);
  const alerts = client.iterate({ query: ALERTS, variables: { after: alertCursor } });
  assert.equal((await next(alerts)).sequence, 1);
  const missed = await next(alerts);
  assert.deepEqual([missed.sequence, missed.kind], [2, "LOGIN_REFUSED"]);
  assert.equal(missed.attempt.userAgent, "second browser");

  // The stream is open, so it delivers these alerts live.
  await secondDevice("third browser");
  assert.equal((await next(alerts)).attempt.userAgent, "third browser");
  await server.execute(LOG_OUT, { key }, token);
  const last = await next(alerts);
  assert.deepEqual([last.kind, last.session.isValid], ["SESSION_INVALIDATED", false]);
  assert.equal((await alerts.next()).done, true);
  client.dispose();
});

test("a client that reconnects continues after the last alert that it received", DEADLINE, async () => {
  const { token, secondDevice, alertCursor } = await createUser("9600000002");
  const first = connect(token);
  const before = first.iterate({ query: ALERTS, variables: { after: alertCursor } });
  const alert = next(before);
  // The stream delivers this alert even if it starts after the login.
  await secondDevice("second browser");
  const received = await alert;
  first.dispose();

  for (const userAgent of ["third browser", "fourth browser"]) await secondDevice(userAgent);
  const again = connect(token);
  const alerts = again.iterate({ query: ALERTS, variables: { after: received.id } });
  const sequences = [(await next(alerts)).sequence, (await next(alerts)).sequence];
  await secondDevice("fifth browser");
  sequences.push((await next(alerts)).sequence);
  assert.deepEqual(sequences, [received.sequence + 1, received.sequence + 2, received.sequence + 3]);
  again.dispose();
});

test("comments keep an idle stream alive, and the client ignores them", DEADLINE, async () => {
  const { token, secondDevice, alertCursor } = await createUser("9600000003");
  let contentType;
  let sawComment;
  const comment = new Promise((resolve) => (sawComment = resolve));
  const client = connect(token, {
    async fetchFn(...request) {
      const response = await fetch(...request);
      contentType = response.headers.get("content-type");
      let text = "";
      const decoder = new TextDecoder();
      const watch = new TransformStream({
        transform(chunk, out) {
          text += decoder.decode(chunk, { stream: true });
          const line = text.split("\n").find((line) => line.startsWith(":"));
          if (line !== undefined) sawComment(line);
          out.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(watch), response);
    },
  });
  const alerts = client.iterate({ query: ALERTS, variables: { after: alertCursor } });
  const alert = next(alerts);
  await Promise.race([comment, alert.then(assert.fail)]);
  assert.match(contentType, /^text\/event-stream\b/);
  await secondDevice("second browser");
  assert.equal((await alert).attempt.userAgent, "second browser");
  client.dispose();
});

test("an invalid token or operation is one result with an error, and the client does not retry", DEADLINE, async () => {
  const { token } = await createUser("9600000004");
  for (const [bearer, query, code] of [
    [`${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`, ALERTS, "UNAUTHENTICATED"],
    ["no token at all", ALERTS, "UNAUTHENTICATED"],
    [token, "subscription { sessionAlert { id } }", "BAD_REQUEST"],
    [token, "subscription {", "BAD_REQUEST"],
  ]) {
    const client = connect(bearer);
    const results = client.iterate({ query });
    const { value } = await results.next();
    assert.equal(value.errors[0].extensions.code, code, `${query}: ${JSON.stringify(value)}`);
    assert.equal(value.data ?? null, null);
    assert.equal((await results.next()).done, true);
    client.dispose();
  }
});

test("a query and a mutation return one result", DEADLINE, async () => {
  const { token, key } = await createUser("9600000005");
  const client = connect(token);
  for (const [operation, field, isValid] of [
    [{ query: CURRENT }, ({ currentSession }) => currentSession, true],
    [{ query: LOG_OUT, variables: { key } }, ({ invalidateSession }) => invalidateSession.session, false],
  ]) {
    const results = client.iterate(operation);
    const { value } = await results.next();
    assert.equal(field(value.data).isValid, isValid);
    assert.equal((await results.next()).done, true);
  }
  client.dispose();
});

test("the last event has data, because a browser's EventSource drops events without data", DEADLINE, async () => {
  const response = await fetch(server.graphql, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ query: CURRENT }),
  });
  const [next, complete, rest] = (await response.text()).split("\n\n");
  assert.match(next, /^event: next\ndata: {"data":{"currentSession":null}}$/);
  assert.match(complete, /^event: complete\n(data: ?\n?)+$/);
  assert.equal(rest, "");
});
