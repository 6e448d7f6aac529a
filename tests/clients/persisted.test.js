// Front ends that send the hash of a query first, and its text only if the server does not know the
// hash: Apollo's persisted-query link and urql's persistedExchange.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, credentials } from "./operations.js";
import { DEADLINE, startServer } from "./server.js";

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

/** A query that no other test sends. Apollo and urql send it in the form that graphql-js prints. */
const namedQuery = (name) => `query ${name}($mobile: String!) { user(mobile: $mobile) { username } }`;

/** The server does not keep a query with a string, because a string may be a password. */
const withString = (name, mobile) => `query ${name} { user(mobile: "${mobile}") { username } }`;

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A `fetch` that records the method, the status and whether the text was sent. */
function recorder() {
  const requests = [];
  const record = async (url, options) => {
    const response = await fetch(url, options);
    const method = options?.method ?? "GET";
    const parameters = new URL(url).searchParams;
    const hasText = method === "GET" ? parameters.has("query") : "query" in JSON.parse(options.body);
    requests.push(`${method} ${hasText ? "text" : "hash"} ${response.status}`);
    return response;
  };
  return { requests, fetch: record };
}

/** A function that executes a query with Apollo, and returns the name of its user. */
function apollo(fetch, useGETForHashedQueries) {
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: persisted.concat(new HttpLink({ uri: server.graphql, fetch })),
  });
  return async (text, variables) => {
    const { data } = await client.query({ query: gql(text), variables, fetchPolicy: "network-only" });
    return data.user.username;
  };
}

/** The same with urql. */
function urql(fetch, preferGetMethod) {
  const persisted = persistedExchange({
    preferGetForPersistedQueries: preferGetMethod,
    generateHash: async (text) => sha256(text),
  });
  const exchanges = [persisted, fetchExchange];
  const client = new Client({ url: server.graphql, fetch, preferGetMethod, exchanges });
  return async (text, variables) => {
    const { data, error } = await client.query(text, variables, { requestPolicy: "network-only" });
    assert.equal(error, undefined);
    return data.user.username;
  };
}

let users = 0;

for (const [name, createClient] of Object.entries({ apollo, urql })) {
  for (const useGet of [false, true]) {
    const method = useGet ? "GET" : "POST";

    test(`${name} sends the text of a query once, and then its hash by ${method}`, DEADLINE, async () => {
      const input = credentials(`930000001${users++}`);
      await server.execute(CREATE, { input });
      const text = namedQuery(`${name}By${method}`);
      const variables = { mobile: input.mobile };
      const { requests, fetch } = recorder();
      const run = createClient(fetch, useGet);
      for (let time = 0; time < 3; time++) assert.equal(await run(text, variables), input.username);
      assert.equal(requests[0], `${method} hash 200`);
      assert.match(requests[1], /^(GET|POST) text 200$/);
      assert.deepEqual(requests.slice(2), [`${method} hash 200`, `${method} hash 200`]);

      // Another device need not send the text.
      const other = recorder();
      assert.equal(await createClient(other.fetch, useGet)(text, variables), input.username);
      assert.deepEqual(other.requests, [`${method} hash 200`]);
    });

    test(`${name} sends the text of a query with a string each time, by ${method}`, DEADLINE, async () => {
      const input = credentials(`930000001${users++}`);
      await server.execute(CREATE, { input });
      const text = withString(`${name}By${method}`, input.mobile);
      const { requests, fetch } = recorder();
      const run = createClient(fetch, useGet);
      for (let time = 0; time < 2; time++) assert.equal(await run(text), input.username);
      const kinds = requests.map((request) => request.split(" ")[1]);
      assert.deepEqual(kinds, ["hash", "text", "hash", "text"]);
    });
  }
}

test("urql sends the text of a query once over a WebSocket", DEADLINE, async () => {
  const input = credentials("9300000030");
  await server.execute(CREATE, { input });
  const socket = createClient({ url: server.socket, webSocketImpl: WebSocket });
  const sent = [];
  const client = new Client({
    url: server.graphql,
    exchanges: [
      persistedExchange({ generateHash: async (text) => sha256(text) }),
      subscriptionExchange({
        enableAllOperations: true,
        forwardSubscription: (request) => ({
          subscribe: (sink) => {
            sent.push(request.query ? "text" : "hash");
            const { query = "", variables, extensions } = request;
            return { unsubscribe: socket.subscribe({ query, variables, extensions }, sink) };
          },
        }),
      }),
    ],
  });
  for (let time = 0; time < 2; time++) {
    const variables = { mobile: input.mobile };
    const result = await client.query(namedQuery("OverSocket"), variables, { requestPolicy: "network-only" });
    assert.equal(result.error, undefined);
    assert.equal(result.data.user.username, input.username);
  }
  assert.deepEqual(sent, ["hash", "text", "hash"]);
  await socket.dispose();
});
