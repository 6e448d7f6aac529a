// A front end on @urql/core: queries by GET and mutations by POST, as urql sends them unasked, and
// subscriptions over graphql-ws in the way that its guide shows.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, CombinedError, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, CURRENT, LOG_OUT, LOGIN, person, underWay } from "./operations.js";
import { DEADLINE, SERVICE_KEY, start } from "./server.js";

let server;
before(async () => (server = await start({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

/** A device: it keeps the token that it was given, and sends it with whatever it asks for. */
function device(userAgent) {
  const own = { token: undefined, mediaTypes: new Set() };
  const authorization = () => (own.token ? { authorization: `Bearer ${own.token}` } : {});
  own.socket = createClient({ url: server.socket, webSocketImpl: WebSocket, connectionParams: authorization });
  own.client = new Client({
    url: server.graphql,
    async fetch(...request) {
      const response = await fetch(...request);
      own.mediaTypes.add(response.headers.get("content-type"));
      return response;
    },
    fetchOptions: () => ({ headers: { "user-agent": userAgent, ...authorization() } }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({ unsubscribe: own.socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return own;
}

/** The error of an operation, with the code of its first GraphQL error. */
async function code(operation) {
  const { error } = await operation;
  assert.ok(error instanceof CombinedError);
  assert.equal(error.networkError, undefined);
  return error.graphQLErrors[0].extensions.code;
}

test("a device registers, hears of another, and logs out, which ends its stream", DEADLINE, async () => {
  const [phone, laptop] = [device("urql phone"), device("urql laptop")];
  const input = person("9100000001");
  const created = await phone.client.mutation(CREATE, { input });
  assert.equal(created.error, undefined);
  assert.equal(created.data.createUser.session.isValid, true);
  phone.token = created.data.createUser.token;

  const heard = [];
  const ended = new Promise((resolve) => {
    phone.client.subscription(ALERTS, {}).subscribe((result) => {
      heard.push(result);
      if (!result.hasNext) resolve();
    });
  });
  await underWay(phone.socket);

  const refused = await laptop.client.mutation(LOGIN, { input: { ...input, onConflict: "REJECT" } });
  assert.equal(refused.data.login.outcome, "REFUSED");
  assert.equal(refused.data.login.token, null);

  const key = created.data.createUser.session.sessionKey;
  const loggedOut = await phone.client.mutation(LOG_OUT, { key });
  assert.equal(loggedOut.data.invalidateSession.session.endReason, "INVALIDATED");
  await ended;
  const alerts = heard.filter(({ data }) => data).map(({ data }) => data.sessionAlerts);
  // urql gives the last result once more when its stream ends.
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
    heard.filter(({ error }) => error),
    [],
  );

  const current = await phone.client.query(CURRENT, {}, { requestPolicy: "network-only" });
  assert.equal(current.data.currentSession.isValid, false);
  // It accepts event streams as well, and names them last.
  assert.deepEqual([...phone.mediaTypes], ["application/graphql-response+json; charset=utf-8"]);
  await phone.socket.dispose();
});

test("an error is a CombinedError with the code that the schema documents", DEADLINE, async () => {
  const { client, socket } = device("urql");
  const input = person("9100000002");
  assert.equal((await client.mutation(CREATE, { input })).error, undefined);
  assert.equal(await code(client.mutation(CREATE, { input })), "MOBILE_TAKEN");
  assert.equal(await code(client.mutation(CREATE, { input: { ...input, mobile: "1" } })), "INVALID_INPUT");
  const wrong = { ...input, password: "incorrect horse" };
  assert.equal(await code(client.mutation(LOGIN, { input: wrong })), "INVALID_CREDENTIALS");
  assert.equal(await code(client.query("{ nothing }", {})), "BAD_REQUEST");
  const nobody = crypto.randomUUID();
  assert.equal(await code(client.mutation(LOG_OUT, { key: nobody })), "UNAUTHENTICATED");

  const { error } = await new Promise((resolve) => client.subscription(ALERTS, {}).subscribe(resolve));
  assert.equal(error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
  await socket.dispose();
});
