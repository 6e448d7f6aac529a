// The audits of npm's graphql-http: the requirements of GraphQL over HTTP for a server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serverAudits } from "graphql-http";
import { startServer } from "./server.js";

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

const audits = serverAudits({ url: () => server.graphql, fetchFn: fetch });
test("there are 61 audits", () => assert.equal(audits.length, 61));
for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}
