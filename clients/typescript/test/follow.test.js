// The feed of all users over ends of the server, by WebSocket and by server-sent events, and listeners
// with a text of their own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { SERVICE_KEY, startServer } from "../../../tests/clients/server.js";
import { installed } from "./support/app.js";
import { condition, createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");

const transports = { websocket: { webSocketImpl: WebSocket }, sse: { transport: "sse" } };
const RETRY = { min: 10, max: 100 };

let server;
let open;
before(async () => {
  server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY });
  open = await startServer();
});
after(async () => {
  assert.deepEqual([await server.stop(), await open.stop()], [0, 0]);
});

/** Follows the feed, and collects the keys of the sessions that became active. */
function follow(client, options = {}) {
  const { changed, until } = condition();
  const run = { active: [], kinds: [], state: null, error: null, until };
  run.following = client.follow({
    onEvent: ({ kind, sessionKey }) => {
      run.kinds.push(kind);
      if (kind === "SESSION_ACTIVE") run.active.push(sessionKey);
      changed();
    },
    onConnection: ({ state }) => {
      run.state = state;
      changed();
    },
    onEnded: (error) => {
      run.error = error;
      changed();
    },
    ...options,
  });
  return run;
}

Object.entries(transports).forEach(([name, options], index) => {
  test(`${name}: a follower misses no session over restarts of the server`, DEADLINE, async () => {
    const client = createClient({ url: server.url, token: SERVICE_KEY, retry: RETRY, ...options });
    const run = follow(client);
    await run.until(() => run.kinds.includes("CAUGHT_UP"));
    const expected = [];
    const logIn = async (number) => {
      const user = await createUser(server, `970000${index}0${number}`, SERVICE_KEY);
      expected.push(user.sessionKey);
    };
    for (let round = 0; round < 6; round++) {
      await logIn(10 + 2 * round);
      await server.restart(round % 2 === 0 ? "SIGKILL" : "SIGTERM");
      await logIn(11 + 2 * round);
      await run.until(() => new Set(run.active).size === expected.length);
    }
    // An event may arrive twice.
    assert.deepEqual([...new Set(run.active)], expected);

    run.following.stop();
    const resumed = follow(client, { after: run.following.cursor });
    await logIn(90);
    await resumed.until(() => resumed.active.length > 0);
    assert.deepEqual(resumed.active, expected.slice(-1));
    resumed.following.stop();
  });

  test(
    `${name}: a cursor that is not of this server, and a wrong key, end the feed with their code`,
    DEADLINE,
    async () => {
      const keyed = createClient({ url: server.url, token: SERVICE_KEY, ...options });
      await createUser(open, `970000200${index}`);
      const { eventCursor } = await createClient({ url: open.url }).request("{ eventCursor }", {});
      const expired = follow(keyed, { after: eventCursor });
      await expired.until(() => expired.error);
      assert.deepEqual([expired.error.code, expired.state], ["CURSOR_EXPIRED", "closed"]);

      const stranger = follow(createClient({ url: server.url, token: `${SERVICE_KEY}, but another`, ...options }));
      await stranger.until(() => stranger.error);
      assert.equal(stranger.error.code, "UNAUTHENTICATED");
    },
  );
});

test("in development mode, a client without a token follows every user", DEADLINE, async () => {
  const client = createClient({ url: open.url, webSocketImpl: WebSocket, retry: RETRY });
  const mobile = "9700003000";
  const user = await createUser(open, mobile);
  const { changed, until } = condition();
  const received = [];
  const listening = client.listen({
    mobile,
    after: user.alertCursor,
    // Fields that the package does not ask for.
    query: `subscription($mobile: String, $after: ID) {
      sessionAlerts(mobile: $mobile, after: $after) { id sequence session { device { label } } }
    }`,
    onAlert: (alert) => {
      received.push(alert);
      changed();
    },
  });
  await user.raiseAlert();
  await until(() => received.length === 1);
  assert.deepEqual(Object.keys(received[0]), ["id", "sequence", "session"]);
  assert.equal(listening.cursor, received[0].id);
  listening.stop();
});

test("a stopped follower receives nothing more", DEADLINE, async () => {
  const abort = new AbortController();
  const client = createClient({ url: open.url, webSocketImpl: WebSocket });
  const run = follow(client, { signal: abort.signal });
  await run.until(() => run.kinds.includes("CAUGHT_UP"));
  abort.abort();
  const other = follow(client);
  await other.until(() => other.kinds.includes("CAUGHT_UP"));
  await createUser(open, "9700003001");
  await other.until(() => other.active.length === 1);
  assert.deepEqual(run.active, []);
  other.following.stop();
});
