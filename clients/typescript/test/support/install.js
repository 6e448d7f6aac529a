// Packs the package, and installs it into an app that has nothing else, as its users do. The tests
// import it from there. Packages that a test needs besides, such as React, come from the folder above.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const app = join(root, "test/fresh-app");

rmSync(app, { recursive: true, force: true });
mkdirSync(app, { recursive: true });
writeFileSync(join(app, "package.json"), '{ "name": "fresh-app", "private": true, "type": "module" }\n');
const npm = (cwd, ...args) =>
  execFileSync("npm", [...args, "--silent"], { cwd, stdio: ["ignore", "ignore", "inherit"] });
npm(root, "pack", "--pack-destination", app);
const [tarball] = readdirSync(app).filter((name) => name.endsWith(".tgz"));
// Offline: the package has no dependency to download.
npm(app, "install", "--offline", "--no-audit", "--no-fund", `./${tarball}`);
