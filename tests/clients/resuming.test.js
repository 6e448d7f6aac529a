// The code of docs/clients.md in graphql-ws, Apollo Client and urql. The server restarts before the
// first alert and after it, and alerts are raised before the client has connected again.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, subscriptionExchange } from "@urql/core";
import WebSocket from "ws";
import { CREATE, credentials, LOG_OUT, LOGIN } from "./operations.js";
import { startServer } from "./server.js";

let server;
let folder;
let documented;

before(async () => {
  server = await startServer();
  const page = await readFile(new URL("../../docs/clients.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  assert.equal(blocks.length, 2);
  folder = await mkdtemp(join(tmpdir(), "sessiond-documented-"));
  await symlink(new URL("node_modules", import.meta.url), join(folder, "node_modules"));
  await writeFile(join(folder, "clients.mjs"), blocks.join("\n"));
  documented = await import(pathToFileURL(join(folder, "clients.mjs")));
});
after(async () => {
  assert.equal(await server.stop(), 0);
  await rm(folder, { recursive: true });
});

/** Each starts a subscription, and returns a promise that is settled when the stream ends. */
const libraries = {
  "graphql-ws": (client, cursor, show) => documented.receiveAlerts(client, cursor, show),
  Apollo: (client, cursor, show) => {
    const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(client) });
    const variables = { after: cursor };
    return new Promise((resolve, reject) => {
      apollo.subscribe({ query: gql(documented.ALERTS), variables }).subscribe({
        next: ({ data, error }) => (error ? reject(error) : show(data.sessionAlerts)),
        error: reject,
        complete: resolve,
      });
    });
  },
  urql: (client, cursor, show) => {
    const forwardSubscription = ({ query = "", variables }) => ({
      subscribe: (sink) => ({ unsubscribe: client.subscribe({ query, variables }, sink) }),
    });
    const urql = new Client({ url: server.graphql, exchanges: [subscriptionExchange({ forwardSubscription })] });
    return new Promise((resolve, reject) => {
      urql.subscription(documented.ALERTS, { after: cursor }).subscribe(({ data, error, hasNext }) => {
        if (error) reject(error);
        // urql returns the last result a second time when its stream ends.
        else if (hasNext) show(data.sessionAlerts);
        else resolve();
      });
    });
  },
};

Object.entries(libraries).forEach(([name, receive], index) => {
  test(`${name}: no alert is lost or repeated over restarts of the server`, { timeout: 60_000 }, async () => {
    const input = credentials(`930000000${index}`);
    const { createUser } = await server.execute(CREATE, { input });
    const { session, token, user } = createUser;
    const refuse = (userAgent) => server.execute(LOGIN, { input: { ...input, userAgent } });

    const events = new EventTarget();
    const happens = (type) => new Promise((resolve) => events.addEventListener(type, resolve, { once: true }));
    const announce = (type) => () => events.dispatchEvent(new Event(type));
    const received = [];
    const socket = documented.connect(server.socket, token, {
      webSocketImpl: WebSocket,
      on: { connected: announce("connected"), closed: announce("closed") },
    });
    const connected = happens("connected");
    const ended = receive(documented.resuming(socket), user.alertCursor, (alert) => {
      received.push(alert.kind);
      announce("alert")();
    });
    await connected;

    for (const userAgent of ["before the first alert", "after it"]) {
      // The client has lost its connection, and waits before it connects again.
      const closed = happens("closed");
      await server.restart();
      await closed;
      const alert = happens("alert");
      await refuse(userAgent);
      await alert;
    }
    await server.execute(LOG_OUT, { key: session.sessionKey });
    await ended;
    assert.deepEqual(received, ["LOGIN_REFUSED", "LOGIN_REFUSED", "SESSION_INVALIDATED"]);
    await socket.dispose();
  });
});

test("a token that is not valid ends the stream, and is not tried again", { timeout: 20_000 }, async () => {
  let connections = 0;
  const socket = documented.connect(server.socket, `sd1_${"A".repeat(64)}`, {
    webSocketImpl: WebSocket,
    on: { connecting: () => (connections += 1) },
  });
  const failure = await documented.receiveAlerts(documented.resuming(socket), null, assert.fail).then(
    () => assert.fail("the stream completed"),
    (problem) => problem,
  );
  assert.equal(failure.code, 4403);
  assert.equal(connections, 1);
});
