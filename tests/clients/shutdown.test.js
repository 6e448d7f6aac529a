// The binary as a process: what becomes of it when the one who started it goes away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CREATE } from "./operations.js";
import { DEADLINE, start } from "./server.js";

test("a server whose log nobody reads any more serves on, and ends by SIGTERM", DEADLINE, async () => {
  const server = await start({ RUST_LOG: "debug" });
  server.stopReading();
  await server.run(CREATE, { input: { mobile: "9900000001", username: "SavingsBank" } });
  assert.equal(await server.stop(), 0);
});
