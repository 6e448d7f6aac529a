// Front ends that send the hash of a query first: Apollo's persisted-query link and urql's
// persistedExchange. The server has no persisted queries, so it returns the error after which both
// send the text.

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

const QUERY = "query Who($mobile: String!) { user(mobile: $mobile) { username } }";
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

for (const useGETForHashedQueries of [false, true]) {
  test(`Apollo sends the text after the hash, GET: ${useGETForHashedQueries}`, DEADLINE, async () => {
    const input = credentials(useGETForHashedQueries ? "9300000001" : "9300000002");
    await server.execute(CREATE, { input });
    const { requests, fetch } = recorder();
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: persisted.concat(new HttpLink({ uri: server.graphql, fetch })),
    });
    const variables = { mobile: input.mobile };
    for (let time = 0; time < 2; time++) {
      const { data } = await client.query({ query: gql(QUERY), variables, fetchPolicy: "network-only" });
      assert.equal(data.user.username, input.username);
    }
    // After the first error, Apollo no longer sends hashes.
    const first = useGETForHashedQueries ? "GET hash 200" : "POST hash 200";
    assert.deepEqual(requests, [first, "POST text 200", "POST text 200"]);
  });
}

for (const preferGetMethod of [false, true]) {
  test(`urql sends the text after the hash, GET: ${preferGetMethod}`, DEADLINE, async () => {
    const input = credentials(preferGetMethod ? "9300000003" : "9300000004");
    await server.execute(CREATE, { input });
    const { requests, fetch } = recorder();
    const client = new Client({
      url: server.graphql,
      fetch,
      preferGetMethod,
      exchanges: [
        persistedExchange({
          preferGetForPersistedQueries: preferGetMethod,
          generateHash: async (text) => sha256(text),
        }),
        fetchExchange,
      ],
    });
    const variables = { mobile: input.mobile };
    for (let time = 0; time < 2; time++) {
      const { data, error } = await client.query(QUERY, variables, { requestPolicy: "network-only" });
      assert.equal(error, undefined);
      assert.equal(data.user.username, input.username);
    }
    const method = preferGetMethod ? "GET" : "POST";
    assert.equal(requests[0], `${method} hash 200`);
    assert.match(requests[1], /^(GET|POST) text 200$/);
    assert.equal(requests.length, 3);
    assert.match(requests[2], /text 200$/);
  });
}

test("urql sends the text after the hash over a WebSocket", DEADLINE, async () => {
  const input = credentials("9300000005");
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
  const { data, error } = await client.query(QUERY, { mobile: input.mobile });
  assert.equal(error, undefined);
  assert.equal(data.user.username, input.username);
  assert.equal(sent.at(-1), "text");
  await socket.dispose();
});
