// The parts of the client that need no server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createClient, SERVER_CODES, SessiondError } from "@sessiond/client";
import { endpointsOf } from "../dist/endpoints.js";
import { questionsIn } from "../dist/inbox.js";
import { closeOf } from "../dist/transport/websocket.js";

const schema = await readFile(new URL("../../../schema.graphql", import.meta.url), "utf8");

test("every error code that the schema documents has its type", () => {
  const description = schema.slice(schema.lastIndexOf('"""\nThe API of sessiond'));
  const documented = [
    ...description.matchAll(/`([A-Z]+_[A-Z_]+|FROZEN|FORBIDDEN|UNAUTHENTICATED|UNAVAILABLE|INTERNAL)`/g),
  ];
  assert.ok(documented.length >= 10);
  for (const [, code] of documented) assert.ok(SERVER_CODES.includes(code), code);
});

test("a close code of the documentation is final if a retry would meet it again", async () => {
  const page = await readFile(new URL("../../../docs/transport.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| ([14]\d{3}(?:, [14]\d{3})*) \|.*\| (.*) \|$/gm)];
  assert.ok(rows.length >= 12);
  for (const [, codes, again] of rows) {
    for (const code of codes.split(", ").map(Number)) {
      const { kind } = closeOf(code, "");
      assert.equal(kind, /^(no|with)\b/.test(again) ? "refused" : "lost", `${code}: ${again}`);
    }
  }
  assert.equal(closeOf(1006, "").kind, "lost");
  assert.equal(closeOf(1006, "").error.message, "The WebSocket connection failed.");
  assert.equal(closeOf(4403, "").error.code, "UNAUTHENTICATED");
});

test("the address of a server may have a path, and may name /graphql", () => {
  for (const url of ["https://a.example/x", "https://a.example/x/", "https://a.example/x/graphql"]) {
    assert.deepEqual(endpointsOf(url), {
      graphql: "https://a.example/x/graphql",
      socket: "wss://a.example/x/graphql",
      verify: "https://a.example/x/verify",
    });
  }
  assert.equal(endpointsOf("http://127.0.0.1:3000").socket, "ws://127.0.0.1:3000/graphql");
  assert.throws(() => endpointsOf("ws://a.example"), /must begin with http/);
  assert.throws(() => endpointsOf(undefined), /required outside of a page/);
});

test("a client without a token refuses to listen, and says what to do", () => {
  const client = createClient({ url: "http://127.0.0.1:1" });
  assert.throws(() => client.listen(), { name: "SessiondError", code: "UNAUTHENTICATED", message: /log in first/ });
});

test("a server that does not respond is UNREACHABLE, which is temporary", async () => {
  const client = createClient({ url: "http://127.0.0.1:1", token: "x" });
  const error = await client.currentSession().then(assert.fail, (problem) => problem);
  assert.ok(error instanceof SessiondError);
  assert.deepEqual([error.code, error.isTemporary], ["UNREACHABLE", true]);
});

test("a response that is not of sessiond is BAD_RESPONSE", async () => {
  const fetch = async () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  const client = createClient({ url: "http://127.0.0.1:1", token: "x", fetch });
  await assert.rejects(client.currentSession(), { code: "BAD_RESPONSE", status: 502 });
});

test("an error has the whole response, with every error and the data of the other fields", async () => {
  const response = {
    data: { user: null, users: [] },
    errors: [
      { message: "First.", path: ["user"], extensions: { code: "FORBIDDEN" } },
      { message: "Second.", path: ["user"], extensions: { code: "NOT_FOUND" } },
    ],
  };
  const fetch = async () => Response.json(response);
  const client = createClient({ url: "http://127.0.0.1:1", token: "x", fetch });
  const error = await client.currentSession().then(assert.fail, (problem) => problem);
  assert.deepEqual([error.code, error.message, error.response], ["FORBIDDEN", "First.", response]);
});

test("a question is open until a later alert of the same attempt decides it", () => {
  const alert = (sequence, kind, id) => ({ id: `alert ${sequence}`, sequence, kind, attempt: id && { id } });
  const alerts = [
    alert(1, "LOGIN_PENDING", "a"),
    alert(2, "LOGIN_NOT_APPROVED", "a"),
    alert(3, "LOGIN_PENDING", "b"),
    alert(4, "LOGIN_REFUSED", "c"),
    alert(5, "LOGIN_PENDING", "b"), // The same device asked again.
    alert(6, "LOGIN_PENDING", "d"),
    alert(7, "SESSION_EXPIRED", null),
  ];
  const sequences = (decided) => questionsIn(alerts, new Set(decided)).map(({ sequence }) => sequence);
  assert.deepEqual(sequences([]), [5, 6]);
  assert.deepEqual(sequences(["b"]), [6]);
});
