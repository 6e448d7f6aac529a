// Chromium, and a web server for the pages of the tests. It serves the files of the installed
// package as they are: an import map takes the place of a bundler.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { APP } from "./app.js";

const entries = { "": "index.js", "/element": "element/index.js", "/react": "react/index.js" };
const imports = Object.fromEntries(
  Object.entries(entries).map(([entry, file]) => [
    `@sessiond/client${entry}`,
    `/node_modules/@sessiond/client/dist/${file}`,
  ]),
);
const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script></head>
<body><main><h1>Test</h1><button id="before">Before</button></main></body>
</html>`;
const TYPES = { ".js": "text/javascript", ".html": "text/html; charset=utf-8" };
// No inline styles, and no scripts of others: the element must not need an exception. Playwright
// evaluates the conditions that it waits for.
const POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self'; img-src data:; connect-src http://127.0.0.1:* ws://127.0.0.1:*";

export async function startPages() {
  const listener = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://page").pathname);
    const body = path === "/" ? PAGE : await readFile(join(APP, path)).catch(() => null);
    if (body === null) return response.writeHead(404).end();
    const type = path === "/" ? TYPES[".html"] : (TYPES[extname(path)] ?? "application/octet-stream");
    response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error("CHROMIUM is not set to the path of a Chromium: run `make clients`");
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
    ],
  });
  const origin = `http://127.0.0.1:${listener.address().port}`;
  return {
    origin,
    /** Opens the empty page. `problems` are the errors of its scripts. */
    async open(options = {}) {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(120_000);
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => {
        // A failed connection is what the tests cause, and Chromium always logs it.
        if (message.type() === "error" && !/ERR_|WebSocket/.test(message.text())) problems.push(message.text());
      });
      await page.goto(`${origin}/`);
      return { page, context, problems, close: () => context.close() };
    },
    async stop() {
      await browser.close();
      listener.closeAllConnections();
      listener.close();
    },
  };
}
