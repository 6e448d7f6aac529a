// Starts the release binary on its own port and database file.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A service key. With it in the settings, clients need credentials, as in production. */
export const SERVICE_KEY = "a service key of more than 32 characters";

// If a test run is interrupted, its servers are stopped too.
process.once("SIGTERM", () => process.exit(1));

/** An option of `test`: the time after which a test fails. It is far longer than any test takes. */
export const DEADLINE = { timeout: 20_000 };

/**
 * Starts the binary, in development mode unless `settings` has a service key, and waits until it is
 * ready.
 */
export async function startServer(settings = {}) {
  const binary = process.env.SESSIOND;
  if (!binary) throw new Error("SESSIOND is not set to the path of the release binary: run `make clients`");
  const folder = await mkdtemp(join(tmpdir(), "sessiond-clients-"));
  const log = [];
  const first = await run(binary, folder, "127.0.0.1:0", settings, log);
  const { url } = first;
  let { child } = first;
  async function stop(signal = "SIGTERM") {
    const exited = once(child, "exit");
    child.kill(signal);
    const [code] = await exited;
    return code;
  }
  return {
    url,
    graphql: `${url}/graphql`,
    socket: `${url.replace("http", "ws")}/graphql`,
    /** The lines that the server has logged. */
    log,
    /** Closes the reading end of the pipe that the server logs to. */
    stopReading: () => child.stderr.destroy(),
    /**
     * Stops the server, and starts it again on the same port and database file, after `meanwhile`.
     * With the signal `SIGKILL`, it gets no time to end its connections.
     */
    async restart(signal = "SIGTERM", meanwhile = async () => undefined) {
      await stop(signal);
      await meanwhile();
      ({ child } = await run(binary, folder, new URL(url).host, settings, log));
    },
    async stop() {
      const code = await stop();
      await rm(folder, { recursive: true });
      return code;
    },
    /** Executes an operation by POST, and returns its `data`. */
    async execute(query, variables, token) {
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

/** Starts a process, and waits until it is ready. */
async function run(binary, folder, listen, settings, log) {
  const child = spawn(binary, ["--listen", listen, "--database", `sqlite:${join(folder, "test.db")}`], {
    // No other variable is passed on, because the environment may contain settings of the server.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  const lines = createInterface({ input: child.stderr });
  const url = await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      log.push(line);
      const found = line.match(/listening on (https?:\S+)/);
      if (found) resolve(found[1]);
    });
    child.once("exit", (code) => {
      reject(new Error(`sessiond exited with ${code} before it was ready:\n${log.join("\n")}`));
    });
  });
  return { child, url };
}
