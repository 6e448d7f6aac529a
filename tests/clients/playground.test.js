// The binary serves the playground that it was built with, whole and from itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEADLINE, start } from "./server.js";

let server;
before(async () => (server = await start()));
after(async () => assert.equal(await server.stop(), 0));

test("the page and what it loads come from the server, under a policy that lets in nothing else", DEADLINE, async () => {
  const page = await fetch(server.url);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html/);
  assert.match(page.headers.get("content-security-policy"), /script-src 'self';/);
  const html = await page.text();
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  assert.ok(loaded.some((path) => path.endsWith(".js")), html);
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
  assert.deepEqual(settings, { developmentMode: true });
});
