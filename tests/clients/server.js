// The release binary on a port and a file of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts the binary in development mode, and waits until it serves. */
export async function start() {
  const binary = process.env.SESSIOND;
  if (!binary) throw new Error("SESSIOND must hold the path of the release binary: run `make clients`");
  const folder = await mkdtemp(join(tmpdir(), "sessiond-clients-"));
  const node = spawn(binary, ["--listen", "127.0.0.1:0", "--database", `sqlite:${join(folder, "test.db")}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines = createInterface({ input: node.stderr });
  const url = await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const found = line.match(/serving on (http:\S+)/);
      if (found) resolve(found[1]);
    });
    node.once("exit", (code) => reject(new Error(`sessiond ended with ${code} before it served`)));
  });
  return {
    url,
    graphql: `${url}/graphql`,
    socket: `${url.replace("http", "ws")}/graphql`,
    async stop() {
      const exited = once(node, "exit");
      node.kill("SIGTERM");
      const [code] = await exited;
      await rm(folder, { recursive: true });
      return code;
    },
    /** Runs an operation by POST, and returns `data`. */
    async run(query, variables) {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", "user-agent": "npm client" },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = await response.json();
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    },
  };
}
