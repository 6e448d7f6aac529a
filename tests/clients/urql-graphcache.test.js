// A front end with @urql/exchange-graphcache. An alert carries the new state of its session, and
// the normalized cache updates every query that shows the session, without another request.

import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { getIntrospectionQuery } from "graphql";
import { expectAlertUpdatesScreen } from "./cache-scenario.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

let server;
before(
  async () =>
    (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_CLIENT_ON_CONFLICT: "take-over" })),
);
after(async () => assert.equal(await server.stop(), 0));

test("an alert makes a session on the screen invalid without another request", DEADLINE, async () => {
  const warn = mock.method(console, "warn");
  // The screen reads the session by interface. Graphcache needs the schema to know that a Session
  // is a Node.
  const schema = await server.execute(getIntrospectionQuery());
  await expectAlertUpdatesScreen(server, "9300000001", ({ authorization, socket, fetch }) => {
    const client = new Client({
      url: server.graphql,
      fetch,
      fetchOptions: { headers: { authorization } },
      exchanges: [
        cacheExchange({
          schema,
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
    return {
      watch: (query, variables, observer) => client.query(query, variables).subscribe(observer),
      subscribe: (subscription, observer) => client.subscription(subscription, {}).subscribe(observer),
    };
  });
  assert.deepEqual(
    warn.mock.calls.map(({ arguments: [text] }) => text),
    [],
  );
});
