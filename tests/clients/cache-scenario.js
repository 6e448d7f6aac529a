// The scenario of the tests of caches: a screen shows a session, and another device takes it over.

import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, credentials, LOGIN, subscriptionsAreActive } from "./operations.js";

/** Reads the session by interface and by list. */
const SCREEN = `query Screen($id: ID!, $mobile: String!) {
  node(id: $id) { id ... on Session { isValid status endReason device { label } } }
  user(mobile: $mobile) { id sessions { edges { cursor node { id isValid status } } pageInfo { hasNextPage } } }
}`;

/**
 * Expects that an alert makes the session on the screen invalid without another request.
 *
 * `createFrontEnd` receives the `authorization` of a new user, a client of graphql-ws, and a `fetch`
 * that counts the requests. It returns `watch(query, variables, observer)` and
 * `subscribe(subscription, observer)`, which both return a subscription with `unsubscribe`.
 */
export async function expectAlertUpdatesScreen(server, mobile, createFrontEnd) {
  const input = credentials(mobile);
  const { createUser } = await server.execute(CREATE, { input });
  const authorization = `Bearer ${createUser.token}`;
  const socket = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  let requests = 0;
  const frontEnd = createFrontEnd({
    authorization,
    socket,
    fetch: (...request) => {
      requests += 1;
      return fetch(...request);
    },
  });

  const { id } = createUser.session;
  const renders = recordRenders();
  const screen = frontEnd.watch(SCREEN, { id, mobile }, renders.record);
  const shown = await renders.firstThat(({ data }) => data?.node);
  assert.deepEqual([shown.node.isValid, shown.user.sessions.edges[0].node.isValid], [true, true]);

  const alerts = frontEnd.subscribe(ALERTS, ({ error }) => assert.equal(error, undefined));
  await subscriptionsAreActive(socket);
  const requestsBefore = requests;
  const { login } = await server.execute(LOGIN, { input: { ...input, onConflict: "TAKE_OVER" } });
  assert.equal(login.outcome, "LOGGED_IN");

  const { node, user } = await renders.firstThat(({ data }) => data?.node?.isValid === false);
  assert.deepEqual([node.status, node.endReason], ["ENDED", "REPLACED"]);
  assert.equal(node.device.label, shown.node.device.label);
  const [{ node: listed }] = user.sessions.edges;
  assert.deepEqual([listed.id, listed.isValid, listed.status], [id, false, "ENDED"]);
  assert.equal(requests, requestsBefore);
  screen.unsubscribe();
  alerts.unsubscribe();
  await socket.dispose();
}

/** Keeps every result of a watched query, and waits for results that match a condition. */
function recordRenders() {
  const results = [];
  let rendered = () => {};
  return {
    /** The observer of the query. */
    record(result) {
      results.push(result);
      rendered();
    },
    /** Waits for the first result that `matches`, and returns its data. */
    async firstThat(matches) {
      while (!results.some(matches)) await new Promise((resolve) => (rendered = resolve));
      return results.find(matches).data;
    },
  };
}
