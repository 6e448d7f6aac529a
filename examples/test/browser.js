// Chromium, and processes that end with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export async function startBrowser() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error("CHROMIUM is not set to the path of a Chromium: run `make examples`");
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
  });
  return {
    /** A device of its own, with its own storage. `problems` are the errors of its pages. */
    async device(origin) {
      const context = await browser.newContext();
      context.setDefaultTimeout(60_000);
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => {
        // Chromium logs a refused request as an error of the page.
        if (message.type() === "error" && !/status of 40\d/.test(message.text())) problems.push(message.text());
      });
      await page.goto(origin);
      return { page, context, problems };
    },
    stop: () => browser.close(),
  };
}

/** Starts a process that the end of the tests kills. Resolves when a line of its output matches. */
export async function startProcess(command, args, { ready, ...options } = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${command} exited with ${code}`)));
  });
  failed.catch(() => undefined);
  let found = null;
  if (ready) {
    const lines = createInterface({ input: child.stdout });
    const line = new Promise((resolve) => {
      lines.on("line", (text) => {
        const match = text.match(ready);
        if (match) resolve(match);
      });
    });
    found = await Promise.race([line, failed]);
  }
  return {
    found,
    failed,
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      process.off("exit", kill);
    },
  };
}

/** A port that nothing listens on. */
export async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}
