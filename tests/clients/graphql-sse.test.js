// Server-sent events with npm's graphql-sse, in distinct connections mode: each operation is a POST of its own that
// is answered by a stream of `next` events and one `complete`. For clients behind proxies that let no WebSocket pass.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "graphql-sse";
import { ALERTS, CREATE, CURRENT, HISTORY, LOG_OUT, LOGIN, person } from "./operations.js";
import { DEADLINE, SERVICE_KEY, start } from "./server.js";

let server;
before(async () => (server = await start({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_KEEP_ALIVE: "1s" })));
after(async () => assert.equal(await server.stop(), 0));

function connect(token, options) {
  return createClient({
    url: server.graphql,
    headers: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  });
}

/** Someone who is logged in, and a login on a second device that is refused, and alerts the first. */
async function registered(mobile) {
  const input = person(mobile);
  const { createUser } = await server.run(CREATE, { input });
  return {
    token: createUser.token,
    key: createUser.session.sessionKey,
    async secondDevice(userAgent) {
      const { login } = await server.run(LOGIN, { input: { ...input, userAgent, onConflict: "REJECT" } });
      assert.equal(login.outcome, "REFUSED");
    },
    async lastAlert() {
      const { user } = await server.run(HISTORY, { mobile }, createUser.token);
      return user.alerts.nodes[0].id;
    },
  };
}

async function next(results) {
  const { value, done } = await results.next();
  assert.equal(done, false);
  assert.equal(value.errors, undefined);
  return value.data.sessionAlerts;
}

test("alerts are streamed, and the stream completes when its session ends", DEADLINE, async () => {
  const { token, key, secondDevice, lastAlert } = await registered("9600000001");
  await secondDevice("first browser");
  const after = await lastAlert();
  await secondDevice("second browser");

  const client = connect(token);
  const alerts = client.iterate({ query: ALERTS, variables: { after } });
  const missed = await next(alerts);
  assert.deepEqual([missed.sequence, missed.kind], [2, "LOGIN_REFUSED"]);
  assert.equal(missed.attempt.userAgent, "second browser");

  // The stream is open, so these are heard live.
  await secondDevice("third browser");
  assert.equal((await next(alerts)).attempt.userAgent, "third browser");
  await server.run(LOG_OUT, { key }, token);
  const last = await next(alerts);
  assert.deepEqual([last.kind, last.session.isValid], ["SESSION_INVALIDATED", false]);
  assert.equal((await alerts.next()).done, true);
  client.dispose();
});

test("a client that was away goes on after the last alert that it heard", DEADLINE, async () => {
  const { token, secondDevice, lastAlert } = await registered("9600000002");
  await secondDevice("first browser");
  const first = connect(token);
  const before = first.iterate({ query: ALERTS, variables: { after: await lastAlert() } });
  const alert = next(before);
  // Heard by the stream, whichever comes first: its beginning or this login.
  await secondDevice("second browser");
  const heard = await alert;
  first.dispose();

  for (const userAgent of ["third browser", "fourth browser"]) await secondDevice(userAgent);
  const again = connect(token);
  const alerts = again.iterate({ query: ALERTS, variables: { after: heard.id } });
  const sequences = [(await next(alerts)).sequence, (await next(alerts)).sequence];
  await secondDevice("fifth browser");
  sequences.push((await next(alerts)).sequence);
  assert.deepEqual(sequences, [heard.sequence + 1, heard.sequence + 2, heard.sequence + 3]);
  again.dispose();
});

test("a silent stream is kept alive by comments, which a client does not hear of", DEADLINE, async () => {
  const { token, secondDevice, lastAlert } = await registered("9600000003");
  await secondDevice("first browser");
  const after = await lastAlert();
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
  const alerts = client.iterate({ query: ALERTS, variables: { after } });
  const alert = next(alerts);
  await Promise.race([comment, alert.then(assert.fail)]);
  assert.match(contentType, /^text\/event-stream\b/);
  await secondDevice("second browser");
  assert.equal((await alert).attempt.userAgent, "second browser");
  client.dispose();
});

test("a refused token and an invalid operation are told by one result, and not tried again", DEADLINE, async () => {
  const { token } = await registered("9600000004");
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

test("a query and a mutation are answered by one result", DEADLINE, async () => {
  const { token, key } = await registered("9600000005");
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

test("the last event has data, without which a browser's EventSource would drop it", DEADLINE, async () => {
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
