// A front end with @urql/exchange-graphcache. An alert carries the new state of its session, and
// the normalized cache updates every query that shows the session, without another request.

import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { getIntrospectionQuery } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, credentials, LOGIN, subscriptionsAreActive } from "./operations.js";
import { recordRenders } from "./renders.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

// Reads the session by interface and by list. Graphcache needs the schema to know that a Session is
// a Node.
const SCREEN = `query Screen($id: ID!, $mobile: String!) {
  node(id: $id) { id ... on Session { isValid status endReason device { label } } }
  user(mobile: $mobile) { id sessions { edges { cursor node { id isValid status } } pageInfo { hasNextPage } } }
}`;

let server;
before(async () => (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

test("an alert makes a session on the screen invalid without another request", DEADLINE, async () => {
  const warn = mock.method(console, "warn");
  const input = credentials("9300000001");
  const { createUser } = await server.execute(CREATE, { input });
  const authorization = `Bearer ${createUser.token}`;
  const socket = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  let requests = 0;
  const client = new Client({
    url: server.graphql,
    fetch: (...request) => {
      requests += 1;
      return fetch(...request);
    },
    fetchOptions: { headers: { authorization } },
    exchanges: [
      cacheExchange({
        schema: await server.execute(getIntrospectionQuery()),
        // These types have no id: a device belongs to its session, and a connection to its user.
        keys: { Device: () => null, SessionConnection: () => null, SessionEdge: () => null, PageInfo: () => null },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });

  const { id } = createUser.session;
  const renders = recordRenders();
  const screen = client.query(SCREEN, { id, mobile: input.mobile }).subscribe(renders.record);
  const shown = await renders.firstThat(({ data }) => data?.node);
  assert.deepEqual([shown.node.isValid, shown.user.sessions.edges[0].node.isValid], [true, true]);

  const alerts = client.subscription(ALERTS, {}).subscribe(({ error }) => assert.equal(error, undefined));
  await subscriptionsAreActive(socket);
  const requestsBefore = requests;
  const { login } = await server.execute(LOGIN, { input: { ...input, onConflict: "TAKE_OVER" } });
  assert.equal(login.outcome, "LOGGED_IN");

  const { node, user } = await renders.firstThat(({ data }) => data?.node.isValid === false);
  assert.deepEqual([node.status, node.endReason], ["ENDED", "REPLACED"]);
  assert.equal(node.device.label, shown.node.device.label);
  const [{ node: listed }] = user.sessions.edges;
  assert.deepEqual([listed.id, listed.isValid, listed.status], [id, false, "ENDED"]);
  assert.equal(requests, requestsBefore);
  assert.deepEqual(
    warn.mock.calls.map(({ arguments: [text] }) => text),
    [],
  );
  screen.unsubscribe();
  alerts.unsubscribe();
  await socket.dispose();
});
