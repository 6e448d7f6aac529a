// The binary serves the playground that it was built with, whole and from itself.

import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { DEADLINE, start } from "./server.js";

let server;
before(async () => (server = await start()));
after(async () => assert.equal(await server.stop(), 0));

test(
  "the page and what it loads come from the server, under a policy that lets in nothing else",
  DEADLINE,
  async () => {
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
    assert.deepEqual(settings, { developmentMode: true, introspection: true });
  },
);

/** The answer as it came over the wire: `fetch` would decompress it. */
function raw(path, acceptEncoding) {
  const headers = acceptEncoding === undefined ? {} : { "accept-encoding": acceptEncoding };
  return new Promise((resolve, reject) => {
    get(server.url + path, { headers }, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) });
    }).on("error", reject);
  });
}

test("what is text comes compressed to whoever takes it, and is the same text", async () => {
  const html = (await raw("/")).body.toString();
  const script = html.match(/src="([^"]+\.js)"/)[1];
  for (const path of [script, "/licenses.md"]) {
    const plain = await raw(path);
    assert.equal(plain.headers["content-encoding"], undefined);
    const brotli = await raw(path, "gzip, deflate, br");
    assert.equal(brotli.headers["content-encoding"], "br");
    assert.ok(brotliDecompressSync(brotli.body).equals(plain.body));
    const gzip = await raw(path, "gzip, br;q=0");
    assert.equal(gzip.headers["content-encoding"], "gzip");
    assert.ok(gunzipSync(gzip.body).equals(plain.body));
    assert.ok(brotli.body.length < gzip.body.length && gzip.body.length < plain.body.length / 2);
    const answers = [plain, brotli, gzip];
    for (const { headers } of answers) {
      assert.match(headers.vary, /accept-encoding/);
      assert.equal(headers["content-type"], plain.headers["content-type"]);
      assert.equal(headers["cache-control"], plain.headers["cache-control"]);
    }
    assert.equal(new Set(answers.map(({ headers }) => headers.etag)).size, 3);
  }
});

test("every page has an address of its own, and what is no page has none", async () => {
  for (const path of ["/explore", "/sessions"]) {
    const page = await raw(path);
    assert.equal(page.status, 200);
    assert.match(page.headers["content-security-policy"], /script-src 'self';/);
    assert.equal(page.headers["cache-control"], "no-cache");
  }
  assert.equal((await raw("/nowhere")).status, 404);
  assert.equal((await raw("/assets/nothing.js")).status, 404);
});
