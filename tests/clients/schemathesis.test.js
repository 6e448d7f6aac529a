// Schemathesis generates valid and invalid operations from the schema, the same ones in each run,
// and checks the server's responses. Its rules for this server are in fuzz/: hooks.py and
// schemathesis.toml.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CREATE, LOGIN } from "./operations.js";
import { SERVICE_KEY, startServer } from "./server.js";

const FOLDER = fileURLToPath(new URL("fuzz/", import.meta.url));
const ST = process.env.SCHEMATHESIS;
const PENDING_ATTEMPT = `query ($mobile: String!) { user(mobile: $mobile) { alerts(first: 1) { nodes { attempt { id } } } } }`;

/**
 * Creates ten users, each with a session and a pending login. Returns session keys, attempt ids and
 * the last token.
 */
async function populate(server, serviceKey) {
  const sessions = [];
  const attempts = [];
  let token;
  for (let number = 10; number < 20; number += 1) {
    const input = { mobile: `97000000${number}`, username: "SavingsBank" };
    const { createUser } = await server.execute(CREATE, { input }, serviceKey);
    await server.execute(LOGIN, { input: { ...input, userAgent: "Another", onConflict: "ASK" } }, serviceKey);
    const { user } = await server.execute(PENDING_ATTEMPT, { mobile: input.mobile }, serviceKey);
    sessions.push(createUser.session.sessionKey);
    attempts.push(user.alerts.nodes[0].attempt.id);
    token = createUser.token;
  }
  return { sessions, attempts, token };
}

const quoted = (values) => values.map((value) => JSON.stringify(value)).join("\n");

function schemathesis(server, folder, options) {
  const run = ["run", server.graphql, "--checks", "all", "--max-examples", "100", "--generation-deterministic"];
  const env = {
    ...process.env,
    PYTHONPATH: [FOLDER, process.env.PYTHONPATH].filter(Boolean).join(delimiter),
    PYTHONDONTWRITEBYTECODE: "1",
    SCHEMATHESIS_HOOKS: "hooks",
  };
  return new Promise((resolve) => {
    // A busy machine may need longer than the default of 10 s to hash two passwords.
    const patient = ["--request-timeout", "60"];
    const args = [...run, ...patient, "--exclude-checks", "positive_data_acceptance", "--no-color", ...options];
    execFile(ST, args, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, report: stdout + stderr });
    });
  });
}

for (const [caller, settings, bearer, options] of [
  ["an anonymous caller in development mode", {}, () => undefined, []],
  ["the service", { SESSIOND_SERVICE_KEY: SERVICE_KEY }, () => SERVICE_KEY, []],
  // The server rejects most operations of these callers, so the warning about missing test data is
  // turned off.
  ["a session", { SESSIOND_SERVICE_KEY: SERVICE_KEY }, ({ token }) => token, ["--warnings", "off"]],
  ["an anonymous caller", { SESSIOND_SERVICE_KEY: SERVICE_KEY }, () => undefined, ["--warnings", "off"]],
]) {
  test(`operations generated for ${caller} get responses that conform to the schema`, async (t) => {
    assert.ok(ST, "SCHEMATHESIS is not set to the path of `st`: run `make clients`");
    // The pending logins must wait until Schemathesis decides them.
    const server = await startServer({ SESSIOND_APPROVAL_TIMEOUT: "15m", ...settings });
    let stopped;
    const stop = () => (stopped ??= server.stop());
    t.after(stop);
    const folder = await mkdtemp(join(tmpdir(), "sessiond-fuzz-"));
    t.after(() => rm(folder, { recursive: true }));
    const data = await populate(server, settings.SESSIOND_SERVICE_KEY);
    await copyFile(join(FOLDER, "schemathesis.toml"), join(folder, "schemathesis.toml"));
    await writeFile(join(folder, "sessions"), quoted(data.sessions));
    await writeFile(join(folder, "attempts"), quoted(data.attempts));

    const token = bearer(data);
    const header = token ? ["--header", `Authorization: Bearer ${token}`] : [];
    const { code, report } = await schemathesis(server, folder, [...header, ...options]);
    assert.equal(code, 0, report);
    const [, cases] = report.match(/(\d+) generated, \1 passed/) ?? [];
    assert.ok(cases >= 900, report);

    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    assert.equal(await stop(), 0);
    assert.deepEqual(
      server.log.filter((line) => /\bERROR\b|panicked/.test(line)),
      [],
    );
  });
}
