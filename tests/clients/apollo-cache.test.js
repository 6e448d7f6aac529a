// A front end with Apollo's InMemoryCache. An alert carries the new state of its session, and the
// cache updates every watched query that shows the session, without another request.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, credentials, LOGIN, subscriptionsAreActive } from "./operations.js";
import { recordRenders } from "./renders.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

const SCREEN = gql`query Screen($id: ID!, $mobile: String!) {
  node(id: $id) { id ... on Session { isValid status endReason device { label } } }
  user(mobile: $mobile) { id sessions { edges { cursor node { id isValid status } } pageInfo { hasNextPage } } }
}`;

let server;
before(async () => (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

test("an alert makes a session on the screen invalid without another request", DEADLINE, async () => {
  const input = credentials("9400000001");
  const { createUser } = await server.execute(CREATE, { input });
  const authorization = `Bearer ${createUser.token}`;
  const socket = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  let requests = 0;
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({
        uri: server.graphql,
        headers: { authorization },
        fetch: (...request) => {
          requests += 1;
          return fetch(...request);
        },
      }),
    ),
  });

  const { id } = createUser.session;
  const renders = recordRenders();
  const screen = client
    .watchQuery({ query: SCREEN, variables: { id, mobile: input.mobile } })
    .subscribe(renders.record);
  const shown = await renders.firstThat(({ data }) => data?.node);
  assert.deepEqual([shown.node.isValid, shown.user.sessions.edges[0].node.isValid], [true, true]);

  const alerts = client.subscribe({ query: gql(ALERTS) }).subscribe(({ error }) => assert.equal(error, undefined));
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
});
