// A front end with Apollo's InMemoryCache: an alert carries its session's new state, and every watched query that
// shows the session is given it, without another request.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, LOGIN, person, underWay } from "./operations.js";
import { DEADLINE, SERVICE_KEY, start } from "./server.js";

const SCREEN = gql`query Screen($id: ID!, $mobile: String!) {
  node(id: $id) { id ... on Session { isValid status endReason device { label } } }
  user(mobile: $mobile) { id sessions { edges { cursor node { id isValid status } } pageInfo { hasNextPage } } }
}`;

let server;
before(async () => (server = await start({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

test("a session on the screen turns invalid when its alert arrives, without a request", DEADLINE, async () => {
  const input = person("9400000001");
  const { createUser } = await server.run(CREATE, { input });
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
  const renders = [];
  let rendered = () => {};
  const screen = client.watchQuery({ query: SCREEN, variables: { id, mobile: input.mobile } }).subscribe((result) => {
    renders.push(result);
    rendered();
  });
  const renderedWhere = async (holds) => {
    while (!renders.some(holds)) await new Promise((resolve) => (rendered = resolve));
    return renders.find(holds).data;
  };
  const shown = await renderedWhere(({ data }) => data?.node);
  assert.deepEqual([shown.node.isValid, shown.user.sessions.edges[0].node.isValid], [true, true]);

  const alerts = client.subscribe({ query: gql(ALERTS) }).subscribe(({ error }) => assert.equal(error, undefined));
  await underWay(socket);
  const sent = requests;
  const { login } = await server.run(LOGIN, { input: { ...input, onConflict: "TAKE_OVER" } });
  assert.equal(login.outcome, "LOGGED_IN");

  const { node, user } = await renderedWhere(({ data }) => data?.node?.isValid === false);
  assert.deepEqual([node.status, node.endReason], ["ENDED", "REPLACED"]);
  assert.equal(node.device.label, shown.node.device.label);
  const [{ node: listed }] = user.sessions.edges;
  assert.deepEqual([listed.id, listed.isValid, listed.status], [id, false, "ENDED"]);
  assert.equal(requests, sent);
  screen.unsubscribe();
  alerts.unsubscribe();
  await socket.dispose();
});
