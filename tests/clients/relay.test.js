// A Relay front end. The sample relay/DeviceList.js compiles against the schema, and relay-runtime
// executes the result: the first page with the query, the next ones with `node(id:)`, and a
// subscription that updates the list.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { CREATE, LOGIN } from "./operations.js";
import { DEADLINE, startServer } from "./server.js";

const { Environment, Network, Observable, RecordSource, Store } = relay;
const FOLDER = fileURLToPath(new URL("relay/", import.meta.url));
const COMPILER = fileURLToPath(new URL("node_modules/.bin/relay-compiler", import.meta.url));
const require = createRequire(import.meta.url);
const artifact = (name) => require(`./relay/__generated__/${name}.graphql.js`);

let server;
before(async () => {
  server = await startServer();
  await rm(`${FOLDER}__generated__`, { recursive: true, force: true });
  await mkdir(`${FOLDER}__generated__`);
});
after(async () => assert.equal(await server.stop(), 0));

test("the compiler accepts a refetchable, paged fragment without a warning", DEADLINE, async () => {
  const { stdout, stderr } = await promisify(execFile)(COMPILER, ["--noWatchman", "relay.config.json"], {
    cwd: FOLDER,
    env: { ...process.env, NO_COLOR: "1" },
  });
  const printed = stripVTControlCharacters(`${stdout}${stderr}`).split("\n").filter(Boolean);
  assert.deepEqual(
    printed.filter((line) => !line.startsWith("[INFO] ")),
    [],
  );
  const artifacts = await readdir(`${FOLDER}__generated__`);
  assert.ok(artifacts.includes("DeviceListPaginationQuery.graphql.js"), artifacts.join());
  const { metadata } = artifact("DeviceList_user");
  assert.deepEqual(metadata.refetch.fragmentPathInResult, ["node"]);
  assert.equal(metadata.refetch.identifierInfo.identifierField, "id");
  assert.deepEqual(
    [metadata.refetch.connection.forward, metadata.refetch.connection.backward],
    [{ count: "count", cursor: "cursor" }, null],
  );
});

test("a list of devices grows page by page, and an alert updates it", DEADLINE, async () => {
  const person = { mobile: "9500000001", username: "SavingsBank" };
  await server.execute(CREATE, { input: person });
  const logIn = async (number) => {
    const input = { ...person, userAgent: `Device ${number}`, onConflict: "TAKE_OVER" };
    return (await server.execute(LOGIN, { input })).login;
  };
  for (const number of [2, 3, 4, 5]) await logIn(number);

  const socket = createClient({ url: server.socket, webSocketImpl: WebSocket, lazy: false });
  const environment = new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(
      async ({ text: query, name: operationName }, variables) => {
        const response = await fetch(server.graphql, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept: "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
          },
          body: JSON.stringify({ query, operationName, variables }),
        });
        return response.json();
      },
      ({ text: query, name: operationName }, variables) =>
        Observable.create((sink) => socket.subscribe({ query, operationName, variables }, sink)),
    ),
  });

  const variables = { mobile: person.mobile };
  const query = artifact("DeviceListQuery");
  const { user } = await relay.fetchQuery(environment, query, variables).toPromise();
  const owner = relay.createOperationDescriptor(query, variables);
  const keep = environment.retain(owner);
  const read = (name, reference) => {
    const { data, isMissingData } = environment.lookup(relay.getSelector(artifact(name), reference));
    assert.equal(isMissingData, false, name);
    return data;
  };
  const list = () => {
    const { data } = environment.lookup(owner.fragment);
    const { sessions } = read("DeviceList_user", data.user);
    return { ...sessions, devices: sessions.edges.map(({ node }) => read("DeviceList_session", node)) };
  };
  const labels = () => list().devices.map(({ device }) => device.label);
  assert.deepEqual([list().totalCount, labels()], [5, ["Device 5", "Device 4"]]);

  // The same as `loadNext` of usePaginationFragment.
  while (list().pageInfo.hasNextPage) {
    const cursor = list().pageInfo.endCursor;
    const next = { id: user.id, count: 2, cursor };
    await relay.fetchQuery(environment, artifact("DeviceListPaginationQuery"), next).toPromise();
  }
  assert.deepEqual(labels().slice(0, 4), ["Device 5", "Device 4", "Device 3", "Device 2"]);
  assert.deepEqual(
    list().devices.map(({ isValid }) => isValid),
    [true, false, false, false, false],
  );

  const received = new Promise((resolve, reject) => {
    const subscription = artifact("DeviceListAlertsSubscription");
    relay.requestSubscription(environment, {
      subscription,
      variables: { ...variables, after: user.alertCursor },
      onNext: resolve,
      onError: reject,
    });
  });
  const [{ node: newest }] = list().edges;
  await server.execute(`mutation ($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }`, {
    key: newest.id,
  });
  assert.equal((await received).sessionAlerts.kind, "SESSION_INVALIDATED");
  assert.deepEqual([list().devices[0].isValid, list().devices[0].status], [false, "ENDED"]);
  keep.dispose();
  await socket.dispose();
});
