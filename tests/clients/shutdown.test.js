// The binary as a process whose parent no longer reads its log.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CREATE } from "./operations.js";
import { DEADLINE, startServer } from "./server.js";

test("a server whose log is no longer read continues to serve, and exits on SIGTERM", DEADLINE, async () => {
  const server = await startServer({ RUST_LOG: "debug" });
  server.stopReading();
  await server.execute(CREATE, { input: { mobile: "9900000001", username: "SavingsBank" } });
  assert.equal(await server.stop(), 0);
});
