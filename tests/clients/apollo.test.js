// A front end with @apollo/client: HttpLink for queries and mutations, GraphQLWsLink for
// subscriptions.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, CURRENT, credentials, LOG_OUT, LOGIN, subscriptionsAreActive } from "./operations.js";
import { DEADLINE, SERVICE_KEY, startServer } from "./server.js";

let server;
before(async () => (server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

/** A device with its own client. If it has a token, it sends the token with each operation. */
function device(userAgent) {
  const state = { token: undefined };
  const authorization = () => (state.token ? { authorization: `Bearer ${state.token}` } : {});
  state.socket = createClient({ url: server.socket, webSocketImpl: WebSocket, connectionParams: authorization });
  const withToken = new ApolloLink((operation, forward) => {
    operation.setContext({ headers: { "user-agent": userAgent, ...authorization() } });
    return forward(operation);
  });
  state.client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(state.socket),
      withToken.concat(new HttpLink({ uri: server.graphql })),
    ),
  });
  state.mutate = async (mutation, variables) =>
    (await state.client.mutate({ mutation: gql(mutation), variables })).data;
  return state;
}

/** Expects `operation` to fail with GraphQL errors, and returns the code of the first one. */
async function errorCode(operation) {
  const error = await operation.then(assert.fail, (error) => error);
  assert.ok(CombinedGraphQLErrors.is(error), error);
  return error.errors[0].extensions.code;
}

test("a device receives an alert, and its stream completes when it logs out", DEADLINE, async () => {
  const [phone, laptop] = [device("apollo phone"), device("apollo laptop")];
  const input = credentials("9200000001");
  const { createUser } = await phone.mutate(CREATE, { input });
  assert.equal(createUser.session.isValid, true);
  phone.token = createUser.token;

  const received = [];
  const ended = new Promise((resolve, reject) => {
    phone.client.subscribe({ query: gql(ALERTS) }).subscribe({
      next: ({ data, error }) => (error ? reject(error) : received.push(data.sessionAlerts)),
      error: reject,
      complete: resolve,
    });
  });
  await subscriptionsAreActive(phone.socket);

  const { login } = await laptop.mutate(LOGIN, { input: { ...input, onConflict: "REJECT" } });
  assert.deepEqual([login.outcome, login.token], ["REFUSED", null]);

  const { invalidateSession } = await phone.mutate(LOG_OUT, { key: createUser.session.sessionKey });
  assert.equal(invalidateSession.session.endReason, "INVALIDATED");
  await ended;
  assert.deepEqual(
    received.map(({ kind, sequence }) => [kind, sequence]),
    [
      ["LOGIN_REFUSED", 1],
      ["SESSION_INVALIDATED", 2],
    ],
  );
  assert.equal(received[0].attempt.userAgent, "apollo laptop");

  const { data } = await phone.client.query({ query: gql(CURRENT), fetchPolicy: "network-only" });
  assert.equal(data.currentSession.isValid, false);
  await phone.socket.dispose();
});

test("an error is a CombinedGraphQLErrors with the code that the schema documents", DEADLINE, async () => {
  const { client, mutate, socket } = device("apollo");
  const input = credentials("9200000002");
  await mutate(CREATE, { input });
  assert.equal(await errorCode(mutate(CREATE, { input })), "MOBILE_TAKEN");
  assert.equal(await errorCode(mutate(CREATE, { input: { ...input, mobile: "1" } })), "INVALID_INPUT");
  const wrong = { ...input, password: "incorrect horse" };
  assert.equal(await errorCode(mutate(LOGIN, { input: wrong })), "INVALID_CREDENTIALS");
  assert.equal(await errorCode(client.query({ query: gql("{ nothing }") })), "BAD_REQUEST");
  assert.equal(await errorCode(mutate(LOG_OUT, { key: crypto.randomUUID() })), "UNAUTHENTICATED");

  const { error } = await new Promise((next) => client.subscribe({ query: gql(ALERTS) }).subscribe({ next }));
  assert.equal(error.errors[0].extensions.code, "UNAUTHENTICATED");
  await socket.dispose();
});
