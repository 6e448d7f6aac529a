// Measures the checker: how long a session that was ended still passes after the answer to the
// mutation, and how long a check from memory takes. Prints milliseconds and microseconds. Beside each
// end of a session it sends one request to `/healthz`, whose time shows how busy the machine is: both
// are one message of the server, and the request is one message more.
//
//     SESSIOND=../../target/release/sessiond node bench/revocation.js

import { availableParallelism, loadavg } from "node:os";
import { createChecker } from "@sessiond/client/server";
import { CREATE, LOG_OUT } from "../../../tests/clients/operations.js";
import { SERVICE_KEY, startServer } from "../../../tests/clients/server.js";

const REVOCATIONS = 300;
const CHECKS = 200_000;

const server = await startServer({ SESSIOND_SERVICE_KEY: SERVICE_KEY });
const followed = Promise.withResolvers?.() ?? deferred();
const checker = createChecker({
  url: server.url,
  key: SERVICE_KEY,
  maxStaleness: 60_000,
  onFeedRefused: (error) => {
    throw error;
  },
  onFeed: ({ state }) => state === "open" && followed.resolve(),
});
await followed.promise;

const delays = [];
const trips = [];
let token;
for (let index = 0; index < REVOCATIONS; index++) {
  const input = { mobile: `97${String(index).padStart(8, "0")}`, username: "SavingsBank" };
  const { createUser } = await server.execute(CREATE, { input }, SERVICE_KEY);
  token = createUser.token;
  if (!(await checker.check(token))) throw new Error("a valid session was refused");
  if (index === 0) await measureChecks(token);
  await server.execute(LOG_OUT, { key: createUser.session.sessionKey }, SERVICE_KEY);
  const answeredAt = performance.now();
  while (await checker.check(token)) await new Promise((resolve) => setImmediate(resolve));
  delays.push(performance.now() - answeredAt);
  const sentAt = performance.now();
  await (await fetch(`${server.url}/healthz`)).arrayBuffer();
  trips.push(performance.now() - sentAt);
}
console.log(`load of the machine: ${loadavg()[0].toFixed(1)} on ${availableParallelism()} cores`);
print("refused after", delays);
print("a request to /healthz", trips);
checker.close();
await server.stop();

function print(name, times) {
  times.sort((a, b) => a - b);
  const quantile = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(2);
  console.log(`${name}: p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, most ${quantile(1)} ms`);
}

/** A session in memory, checked one time after the other. */
async function measureChecks(known) {
  const start = performance.now();
  for (let count = 0; count < CHECKS; count++) await checker.check(known);
  const microseconds = ((performance.now() - start) * 1_000) / CHECKS;
  console.log(`a check from memory: ${microseconds.toFixed(2)} µs`);
}

/** `Promise.withResolvers` for Node 20. */
function deferred() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}
