// A listener over 20 ends of the server and of its connections, by WebSocket and by server-sent
// events. Alerts are raised while the listener is connected, and while it is not.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { startServer } from "../../../tests/clients/server.js";
import { installed } from "./support/app.js";
import { startProxy } from "./support/proxy.js";
import { condition, createUser, DEADLINE } from "./support/users.js";

const { createClient } = await installed("@sessiond/client");

let server;
let proxy;
before(async () => {
  server = await startServer({ SESSIOND_MAX_ALERTS_PER_MINUTE: "1000" });
  proxy = await startProxy(server.url);
});
after(async () => {
  await proxy.stop();
  assert.equal(await server.stop(), 0);
});

/** Short delays, so that the tests are quick. */
const RETRY = { min: 10, max: 100 };

/** Listens as the session of a user, and collects the numbers of its alerts. */
function listen(user, options) {
  const client = createClient({ url: proxy.url, token: user.token, retry: RETRY, ...options });
  const { changed, until } = condition();
  const listener = { client, received: [], state: null, opened: 0, ended: null, until };
  listener.listening = client.listen({
    after: user.alertCursor,
    onAlert: ({ sequence }) => {
      listener.received.push(sequence);
      changed();
    },
    onConnection: ({ state }) => {
      listener.state = state;
      if (state === "open") listener.opened += 1;
      changed();
    },
    onEnded: (ended) => {
      listener.ended = ended;
      changed();
    },
  });
  listener.isOpen = () => until(() => listener.state === "open");
  return listener;
}

const numbers = (count) => Array.from({ length: count }, (_, index) => index + 1);

const transports = { websocket: { webSocketImpl: WebSocket }, sse: { transport: "sse" } };

Object.entries(transports).forEach(([name, options], index) => {
  test(`${name}: over 20 restarts and cuts nothing is lost and nothing arrives twice`, DEADLINE, async () => {
    const user = await createUser(server, `94000000${index}0`);
    const listener = listen(user, options);
    await listener.isOpen();
    let raised = 0;
    const raise = async () => {
      await user.raiseAlert();
      raised += 1;
    };
    for (let round = 0; round < 20; round++) {
      const before = listener.opened;
      if (round % 2 === 0) await raise(); // May still be under way when the connection ends.
      if (round % 4 === 3) proxy.cut();
      else await server.restart(round % 4 === 1 ? "SIGTERM" : "SIGKILL");
      await raise();
      await listener.until(() => listener.opened > before && listener.state === "open");
      await raise();
      await listener.until(() => listener.received.length >= raised);
    }
    assert.deepEqual(listener.received, numbers(50));

    await createClient({ url: server.url, token: user.token }).logout();
    await listener.until(() => listener.ended);
    assert.deepEqual(listener.received, numbers(51));
    assert.equal(listener.ended.reason, "INVALIDATED");
    assert.equal(listener.ended.session.endedBy, "ITSELF");
    assert.equal(listener.state, "closed");
  });

  test(`${name}: a connection that swallows everything is given up and opened again`, DEADLINE, async () => {
    const user = await createUser(server, `94000000${index}1`);
    const listener = listen(user, { ...options, pingInterval: 200, silence: 400, timeout: 1000 });
    await listener.isOpen();
    proxy.freeze();
    await user.raiseAlert();
    await listener.until(() => listener.state === "waiting");
    proxy.thaw();
    await listener.until(() => listener.received.length === 1);
    listener.listening.stop();
  });

  test(
    `${name}: a session that ended while the device was away ends the listening with its reason`,
    DEADLINE,
    async () => {
      const user = await createUser(server, `94000000${index}2`);
      const listener = listen(user, options);
      await listener.isOpen();
      proxy.freeze();
      const other = createClient({ url: server.url });
      const { outcome } = await other.login({ ...user.input, onConflict: "TAKE_OVER", userAgent: "another device" });
      assert.equal(outcome, "LOGGED_IN");
      proxy.thaw();
      await listener.until(() => listener.ended);
      assert.equal(listener.ended.reason, "REPLACED");
      assert.equal(listener.ended.session.status, "ENDED");
    },
  );

  test(`${name}: an unknown token ends the listening at once`, DEADLINE, async () => {
    const listener = listen({ token: `sd1_${"A".repeat(64)}`, alertCursor: undefined }, options);
    await listener.until(() => listener.ended);
    assert.equal(listener.ended.reason, "UNKNOWN_TOKEN");
    assert.equal(listener.opened, 0);
  });
});

test("a listener continues after the stored cursor of an earlier one", DEADLINE, async () => {
  const user = await createUser(server, "9400000090");
  const first = listen(user, { transport: "sse" });
  await user.raiseAlert();
  await first.until(() => first.received.length === 1);
  first.listening.stop();
  await user.raiseAlert();
  const second = listen({ ...user, alertCursor: first.listening.cursor }, { transport: "sse" });
  await second.until(() => second.received.length === 1);
  assert.deepEqual(second.received, [2]);
  second.listening.stop();
});
