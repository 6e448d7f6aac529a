// What `npm pack` puts into the package, and its types in an app under strict settings.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { APP } from "./support/app.js";

const folder = join(APP, "node_modules/@sessiond/client");

async function filesOf(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test("the package has no dependency, and contains nothing but its code, its license and its README", async () => {
  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  assert.deepEqual(Object.keys(peerDependencies), ["react"]);
  const others = (await filesOf(folder))
    .map((path) => path.slice(folder.length + 1))
    .filter((path) => !path.startsWith("dist/"));
  assert.deepEqual(others.sort(), ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"]);
});

test("each module imports only modules of the package, React in the hooks, and node:crypto in the checker", async () => {
  const allowed = { "dist/react/index.js": ["react"], "dist/server/checker.js": ["node:crypto"] };
  for (const path of (await filesOf(join(folder, "dist"))).filter((path) => path.endsWith(".js"))) {
    const text = await readFile(path, "utf8");
    const imported = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"/gm)].map(([, name]) => name);
    const foreign = imported.filter((name) => !name.startsWith("."));
    assert.deepEqual(foreign, allowed[path.slice(folder.length + 1)] ?? [], path);
  }
});

test("the types fit an app under strict settings, with the lists of the frameworks", async () => {
  await cp(join(import.meta.dirname, "types"), join(APP, "types"), { recursive: true });
  const tsc = join(import.meta.dirname, "../node_modules/.bin/tsc");
  await promisify(execFile)(tsc, ["--project", join(APP, "types")]).catch(({ stdout }) => assert.fail(stdout));
});
