// The stream with a clock and a network of its own: when it connects again, and when it does not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SessiondError } from "../dist/errors.js";
import { Stream } from "../dist/stream.js";
import { FakeRuntime, settled } from "./support/fake-runtime.js";

/** A stream, and what it did. `connections` has the sink of each connection. */
function start({ onEnd = async () => false, request = async () => ({}) } = {}) {
  const runtime = new FakeRuntime();
  const run = { runtime, connections: [], states: [], data: [], finished: [], probes: 0 };
  run.stream = new Stream({
    runtime,
    retry: { min: 1_000, max: 8_000 },
    transport: (_, sink) => {
      run.connections.push(sink);
      return { close: () => undefined, probe: () => (run.probes += 1) };
    },
    request,
    onData: (data) => run.data.push(data),
    onConnection: (state) => run.states.push(state),
    onEnd,
    onFinish: (failure) => run.finished.push(failure),
  });
  run.lose = async (more = {}) => {
    await settled();
    run.connections.at(-1).closed({ kind: "lost", error: new SessiondError("UNREACHABLE", "cut"), ...more });
    await settled();
    return run.states.at(-1).retryInMs;
  };
  return run;
}

test("the delay doubles up to its maximum, and starts again after a stable connection", async () => {
  const run = start();
  const delays = [];
  for (let round = 0; round < 6; round++) {
    delays.push(await run.lose());
    run.runtime.advance(delays.at(-1));
  }
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  await settled();
  run.connections.at(-1).opened();
  run.runtime.advance(9_999);
  assert.equal(await run.lose(), 8_000);
  run.runtime.advance(8_000);
  await settled();
  run.connections.at(-1).opened();
  run.runtime.advance(10_000);
  assert.equal(await run.lose(), 1_000);
});

test("the delay is varied by half, so that devices do not return at once", async () => {
  const low = start();
  low.runtime.randomness = 0;
  const high = start();
  high.runtime.randomness = 1;
  assert.deepEqual([await low.lose(), await high.lose()], [500, 1_500]);
});

test("after a planned shutdown the first retry is sooner, and the second one is not", async () => {
  const run = start();
  assert.equal(await run.lose({ prompt: true }), 500);
  const other = start();
  await other.lose();
  other.runtime.advance(1_000);
  assert.equal(await other.lose({ prompt: true }), 2_000);
});

test("the server's retryAfterSeconds is respected", async () => {
  const run = start();
  await settled();
  run.connections[0].next({ errors: [{ message: "busy", extensions: { code: "UNAVAILABLE", retryAfterSeconds: 7 } }] });
  assert.equal(run.states.at(-1).retryInMs, 7_000);
});

test("an error that is not temporary ends the stream, and a completion asks whether the session goes on", async () => {
  const ends = [];
  const refused = start({ onEnd: async (error) => ends.push(error) > 9 });
  await settled();
  refused.connections[0].next({ errors: [{ message: "no", extensions: { code: "UNAUTHENTICATED" } }] });
  await settled();
  assert.equal(ends[0].code, "UNAUTHENTICATED");
  assert.deepEqual(refused.states.at(-1), { state: "closed" });
  assert.deepEqual(refused.finished, [null]);

  const goesOn = start({ onEnd: async () => true });
  await settled();
  goesOn.connections[0].closed({ kind: "completed" });
  await settled();
  assert.equal(goesOn.states.at(-1).state, "waiting");
});

test("the request is prepared again if that failed for a time", async () => {
  let failures = 0;
  const run = start({
    request: async () => {
      failures += 1;
      if (failures < 3) throw new SessiondError("UNAVAILABLE", "not now");
      return {};
    },
  });
  await settled();
  run.runtime.advance(1_000);
  await settled();
  run.runtime.advance(2_000);
  await settled();
  assert.equal(run.connections.length, 1);
});

test("a machine that wakes up does not wait for the end of the delay", async () => {
  const run = start();
  await run.lose();
  await run.runtime.advance(1_000);
  await run.lose();
  await run.runtime.advance(2_000);
  await run.lose(); // Waits 4 s, from a time before the machine sleeps.
  const before = run.connections.length;
  run.runtime.sleep(60_000);
  await settled();
  assert.equal(run.connections.length, before + 1);
});

test("a machine that wakes up checks an open connection", async () => {
  const run = start();
  await settled();
  run.connections[0].opened();
  run.runtime.advance(20_000);
  assert.equal(run.probes, 0);
  run.runtime.sleep(60_000);
  assert.equal(run.probes, 1);
  assert.equal(run.connections.length, 1);
});

test("nothing of an earlier connection, and nothing after the stop, has an effect", async () => {
  const run = start();
  await run.lose();
  run.runtime.advance(1_000);
  await settled();
  run.connections[0].next({ data: { late: true } });
  run.stream.stop();
  const { length } = run.states;
  run.connections[1].next({ data: { late: true } });
  run.connections[1].closed({ kind: "completed" });
  run.runtime.advance(60_000);
  await settled();
  assert.deepEqual(run.data, []);
  assert.equal(run.states.length, length);
  assert.deepEqual(run.runtime.timers, []);
});
