// A front end on @apollo/client: HttpLink for queries and mutations, GraphQLWsLink for subscriptions.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { ALERTS, CREATE, CURRENT, LOG_OUT, LOGIN, person, underWay } from "./operations.js";
import { DEADLINE, SERVICE_KEY, start } from "./server.js";

let server;
before(async () => (server = await start({ SESSIOND_SERVICE_KEY: SERVICE_KEY })));
after(async () => assert.equal(await server.stop(), 0));

/** A device: it keeps the token that it was given, and sends it with whatever it asks for. */
function device(userAgent) {
  const own = { token: undefined };
  const authorization = () => (own.token ? { authorization: `Bearer ${own.token}` } : {});
  own.socket = createClient({ url: server.socket, webSocketImpl: WebSocket, connectionParams: authorization });
  const withToken = new ApolloLink((operation, forward) => {
    operation.setContext({ headers: { "user-agent": userAgent, ...authorization() } });
    return forward(operation);
  });
  own.client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(own.socket),
      withToken.concat(new HttpLink({ uri: server.graphql })),
    ),
  });
  own.mutate = async (mutation, variables) => (await own.client.mutate({ mutation: gql(mutation), variables })).data;
  return own;
}

/** The code of the first GraphQL error that `operation` is rejected with. */
async function code(operation) {
  const error = await operation.then(assert.fail, (error) => error);
  assert.ok(CombinedGraphQLErrors.is(error), error);
  return error.errors[0].extensions.code;
}

test("a device registers, hears of another, and logs out, which ends its stream", DEADLINE, async () => {
  const [phone, laptop] = [device("apollo phone"), device("apollo laptop")];
  const input = person("9200000001");
  const { createUser } = await phone.mutate(CREATE, { input });
  assert.equal(createUser.session.isValid, true);
  phone.token = createUser.token;

  const heard = [];
  const ended = new Promise((resolve, reject) => {
    phone.client.subscribe({ query: gql(ALERTS) }).subscribe({
      next: ({ data, error }) => (error ? reject(error) : heard.push(data.sessionAlerts)),
      error: reject,
      complete: resolve,
    });
  });
  await underWay(phone.socket);

  const { login } = await laptop.mutate(LOGIN, { input: { ...input, onConflict: "REJECT" } });
  assert.deepEqual([login.outcome, login.token], ["REFUSED", null]);

  const { invalidateSession } = await phone.mutate(LOG_OUT, { key: createUser.session.sessionKey });
  assert.equal(invalidateSession.session.endReason, "INVALIDATED");
  await ended;
  assert.deepEqual(
    heard.map(({ kind, sequence }) => [kind, sequence]),
    [
      ["LOGIN_REFUSED", 1],
      ["SESSION_INVALIDATED", 2],
    ],
  );
  assert.equal(heard[0].attempt.userAgent, "apollo laptop");

  const { data } = await phone.client.query({ query: gql(CURRENT), fetchPolicy: "network-only" });
  assert.equal(data.currentSession.isValid, false);
  await phone.socket.dispose();
});

test("an error is CombinedGraphQLErrors with the code that the schema documents", DEADLINE, async () => {
  const { client, mutate, socket } = device("apollo");
  const input = person("9200000002");
  await mutate(CREATE, { input });
  assert.equal(await code(mutate(CREATE, { input })), "MOBILE_TAKEN");
  assert.equal(await code(mutate(CREATE, { input: { ...input, mobile: "1" } })), "INVALID_INPUT");
  const wrong = { ...input, password: "incorrect horse" };
  assert.equal(await code(mutate(LOGIN, { input: wrong })), "INVALID_CREDENTIALS");
  assert.equal(await code(client.query({ query: gql("{ nothing }") })), "BAD_REQUEST");
  assert.equal(await code(mutate(LOG_OUT, { key: crypto.randomUUID() })), "UNAUTHENTICATED");

  const { error } = await new Promise((next) => client.subscribe({ query: gql(ALERTS) }).subscribe({ next }));
  assert.equal(error.errors[0].extensions.code, "UNAUTHENTICATED");
  await socket.dispose();
});
