// The package as the fresh app sees it.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const APP = join(import.meta.dirname, "../fresh-app");
const { resolve } = createRequire(join(APP, "app.js"));

/** Imports an entry of the installed package, such as `@sessiond/client/server`. */
export const installed = (entry) => import(pathToFileURL(resolve(entry)));
