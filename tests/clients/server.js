// The release binary on a port and a file of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A service key: with it in the settings, clients are what they are in production. */
export const SERVICE_KEY = "a service key of more than 32 characters";

// A run that is cut off takes its servers with it.
process.once("SIGTERM", () => process.exit(1));

/** How long a test waits for what must come, as an option of `test`: far longer than it takes. */
export const DEADLINE = { timeout: 20_000 };

/** Starts the binary and waits until it serves; in development mode, unless `settings` hold a service key. */
export async function start(settings = {}) {
  const binary = process.env.SESSIOND;
  if (!binary) throw new Error("SESSIOND must hold the path of the release binary: run `make clients`");
  const folder = await mkdtemp(join(tmpdir(), "sessiond-clients-"));
  const node = spawn(binary, ["--listen", "127.0.0.1:0", "--database", `sqlite:${join(folder, "test.db")}`], {
    // Nothing else of the environment, which may hold settings of the server's.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  process.once("exit", () => node.kill("SIGKILL"));
  const lines = createInterface({ input: node.stderr });
  const log = [];
  const url = await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      log.push(line);
      const found = line.match(/serving on (http:\S+)/);
      if (found) resolve(found[1]);
    });
    node.once("exit", (code) => {
      reject(new Error(`sessiond ended with ${code} before it served:\n${log.join("\n")}`));
    });
  });
  return {
    url,
    graphql: `${url}/graphql`,
    socket: `${url.replace("http", "ws")}/graphql`,
    /** What the server has logged. */
    log,
    /** Closes the pipe that the server logs to. */
    stopReading: () => node.stderr.destroy(),
    async stop() {
      const exited = once(node, "exit");
      node.kill("SIGTERM");
      const [code] = await exited;
      await rm(folder, { recursive: true });
      return code;
    },
    /** Runs an operation by POST, and returns `data`. */
    async run(query, variables, token) {
      const headers = { "content-type": "application/json", "user-agent": "npm client" };
      if (token) headers.authorization = `Bearer ${token}`;
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers,
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = await response.json();
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    },
  };
}
