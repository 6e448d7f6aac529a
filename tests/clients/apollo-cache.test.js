// A front end with Apollo's InMemoryCache. An alert carries the new state of its session, and the
// cache updates every watched query that shows the session, without another request.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { expectAlertUpdatesScreen } from "./cache-scenario.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

let server;
before(
  async () =>
    (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY, SESSIOND_CLIENT_ON_CONFLICT: "take-over" })),
);
after(async () => assert.equal(await server.stop(), 0));

test("an alert makes a session on the screen invalid without another request", DEADLINE, () =>
  expectAlertUpdatesScreen(server, "9400000001", ({ authorization, socket, fetch }) => {
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(socket),
        new HttpLink({ uri: server.graphql, headers: { authorization }, fetch }),
      ),
    });
    return {
      watch: (query, variables, observer) => client.watchQuery({ query: gql(query), variables }).subscribe(observer),
      subscribe: (subscription, observer) => client.subscribe({ query: gql(subscription) }).subscribe(observer),
    };
  }),
);
