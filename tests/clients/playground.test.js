// The binary serves the complete playground that it was built with.

import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { DEADLINE, startServer } from "./server.js";

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

test("the page and its assets come from the server, and the policy allows no other source", DEADLINE, async () => {
  const page = await fetch(server.url);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html/);
  assert.match(page.headers.get("content-security-policy"), /script-src 'self';/);
  const html = await page.text();
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  assert.ok(
    loaded.some((path) => path.endsWith(".js")),
    html,
  );
  for (const path of loaded.filter((path) => !path.startsWith("data:"))) {
    assert.match(path, /^\/assets\//);
    const asset = await fetch(server.url + path);
    assert.equal(asset.status, 200, path);
    assert.match(asset.headers.get("cache-control"), /immutable/);
    const etag = asset.headers.get("etag");
    const again = await fetch(server.url + path, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304, path);
  }
  const settings = await (await fetch(`${server.url}/settings.json`)).json();
  assert.deepEqual(settings, {
    developmentMode: true,
    introspection: true,
    clientPolicies: ["REJECT", "ASK", "TAKE_OVER"],
    awayAfterSeconds: 120,
  });
});

/** The response as it was sent. `fetch` would decompress it. */
function rawResponse(path, acceptEncoding) {
  const headers = acceptEncoding === undefined ? {} : { "accept-encoding": acceptEncoding };
  return new Promise((resolve, reject) => {
    get(server.url + path, { headers }, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) });
    }).on("error", reject);
  });
}

test("text is compressed if the client accepts it, and decompresses to the same text", async () => {
  const html = (await rawResponse("/")).body.toString();
  const script = html.match(/src="([^"]+\.js)"/)[1];
  for (const path of [script, "/licenses.md"]) {
    const plain = await rawResponse(path);
    assert.equal(plain.headers["content-encoding"], undefined);
    const brotli = await rawResponse(path, "gzip, deflate, br");
    assert.equal(brotli.headers["content-encoding"], "br");
    assert.ok(brotliDecompressSync(brotli.body).equals(plain.body));
    const gzip = await rawResponse(path, "gzip, br;q=0");
    assert.equal(gzip.headers["content-encoding"], "gzip");
    assert.ok(gunzipSync(gzip.body).equals(plain.body));
    assert.ok(brotli.body.length < gzip.body.length && gzip.body.length < plain.body.length / 2);
    const responses = [plain, brotli, gzip];
    for (const { headers } of responses) {
      assert.match(headers.vary, /accept-encoding/);
      assert.equal(headers["content-type"], plain.headers["content-type"]);
      assert.equal(headers["cache-control"], plain.headers["cache-control"]);
    }
    assert.equal(new Set(responses.map(({ headers }) => headers.etag)).size, 3);
  }
});

test("each page has its own path, and other paths return 404", async () => {
  for (const path of ["/explore", "/sessions"]) {
    const page = await rawResponse(path);
    assert.equal(page.status, 200);
    assert.match(page.headers["content-security-policy"], /script-src 'self';/);
    assert.equal(page.headers["cache-control"], "no-cache");
  }
  assert.equal((await rawResponse("/nowhere")).status, 404);
  assert.equal((await rawResponse("/assets/nothing.js")).status, 404);
});
