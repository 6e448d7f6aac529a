// A front end with @urql/core: queries by GET and mutations by POST, which are urql's defaults, and
// subscriptions over graphql-ws as urql's guide shows.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, CombinedError, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, CURRENT, credentials, LOG_OUT, LOGIN, subscriptionsAreActive } from "./operations.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

let server;
before(async () => (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

/** A device with its own client. If it has a token, it sends the token with each operation. */
function device(userAgent) {
  const state = { token: undefined, mediaTypes: new Set() };
  const authorization = () => (state.token ? { authorization: `Bearer ${state.token}` } : {});
  state.socket = createClient({ url: server.socket, webSocketImpl: WebSocket, connectionParams: authorization });
  state.client = new Client({
    url: server.graphql,
    async fetch(...request) {
      const response = await fetch(...request);
      state.mediaTypes.add(response.headers.get("content-type"));
      return response;
    },
    fetchOptions: () => ({ headers: { "user-agent": userAgent, ...authorization() } }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({ unsubscribe: state.socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return state;
}

/** Expects `operation` to fail with GraphQL errors, and returns the code of the first one. */
async function errorCode(operation) {
  const { error } = await operation;
  assert.ok(error instanceof CombinedError);
  assert.equal(error.networkError, undefined);
  return error.graphQLErrors[0].extensions.code;
}

test("a device receives an alert, and its stream completes when it logs out", DEADLINE, async () => {
  const [phone, laptop] = [device("urql phone"), device("urql laptop")];
  const input = credentials("9100000001");
  const created = await phone.client.mutation(CREATE, { input });
  assert.equal(created.error, undefined);
  assert.equal(created.data.createUser.session.isValid, true);
  phone.token = created.data.createUser.token;

  const received = [];
  const ended = new Promise((resolve) => {
    phone.client.subscription(ALERTS, {}).subscribe((result) => {
      received.push(result);
      if (!result.hasNext) resolve();
    });
  });
  await subscriptionsAreActive(phone.socket);

  const refused = await laptop.client.mutation(LOGIN, { input: { ...input, onConflict: "REJECT" } });
  assert.equal(refused.data.login.outcome, "REFUSED");
  assert.equal(refused.data.login.token, null);

  const key = created.data.createUser.session.sessionKey;
  const loggedOut = await phone.client.mutation(LOG_OUT, { key });
  assert.equal(loggedOut.data.invalidateSession.session.endReason, "INVALIDATED");
  await ended;
  const alerts = received.filter(({ data }) => data).map(({ data }) => data.sessionAlerts);
  // urql returns the last result a second time when its stream ends.
  const unique = [...new Map(alerts.map((alert) => [alert.sequence, alert])).values()];
  assert.deepEqual(
    unique.map(({ kind, sequence }) => [kind, sequence]),
    [
      ["LOGIN_REFUSED", 1],
      ["SESSION_INVALIDATED", 2],
    ],
  );
  assert.equal(unique[0].attempt.userAgent, "urql laptop");
  assert.deepEqual(
    received.filter(({ error }) => error),
    [],
  );

  const current = await phone.client.query(CURRENT, {}, { requestPolicy: "network-only" });
  assert.equal(current.data.currentSession.isValid, false);
  // urql also accepts event streams, and lists them last.
  assert.deepEqual([...phone.mediaTypes], ["application/graphql-response+json; charset=utf-8"]);
  await phone.socket.dispose();
});

test("an error is a CombinedError with the code that the schema documents", DEADLINE, async () => {
  const { client, socket } = device("urql");
  const input = credentials("9100000002");
  assert.equal((await client.mutation(CREATE, { input })).error, undefined);
  assert.equal(await errorCode(client.mutation(CREATE, { input })), "MOBILE_TAKEN");
  assert.equal(await errorCode(client.mutation(CREATE, { input: { ...input, mobile: "1" } })), "INVALID_INPUT");
  const wrong = { ...input, password: "incorrect horse" };
  assert.equal(await errorCode(client.mutation(LOGIN, { input: wrong })), "INVALID_CREDENTIALS");
  assert.equal(await errorCode(client.query("{ nothing }", {})), "BAD_REQUEST");
  const unknownKey = crypto.randomUUID();
  assert.equal(await errorCode(client.mutation(LOG_OUT, { key: unknownKey })), "UNAUTHENTICATED");

  const { error } = await new Promise((resolve) => client.subscription(ALERTS, {}).subscribe(resolve));
  assert.equal(error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
  await socket.dispose();
});
