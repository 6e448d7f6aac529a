// A front end in TypeScript (codegen/app.ts): graphql-codegen's client preset writes types for its operations, and
// under strict settings they say what the schema says, nullability and custom scalars included.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { generate } from "@graphql-codegen/cli";

const FOLDER = fileURLToPath(new URL("codegen/", import.meta.url));
const SCHEMA = fileURLToPath(new URL("../../schema.graphql", import.meta.url));
const TSC = fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url));

before(() => rm(`${FOLDER}__generated__`, { recursive: true, force: true }));

test("the types of the client preset hold under strict settings", async () => {
  await generate(
    {
      cwd: FOLDER,
      silent: true,
      schema: SCHEMA,
      documents: `${FOLDER}app.ts`,
      generates: {
        [`${FOLDER}__generated__/`]: {
          preset: "client",
          config: {
            // A scalar without a type of its own is an error, not `any`.
            strictScalars: true,
            scalars: { DateTime: "string" },
            // A field that was asked for is there, if only as null.
            avoidOptionals: { field: true },
            useTypeImports: true,
          },
        },
      },
    },
    true,
  );
  const written = await readFile(`${FOLDER}__generated__/graphql.ts`, "utf8");
  assert.match(written, /An instant, RFC 3339 in UTC with milliseconds/);
  await promisify(execFile)(TSC, ["--project", FOLDER]).catch(({ stdout }) => assert.fail(stdout));
});
