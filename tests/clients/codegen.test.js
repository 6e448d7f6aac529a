// A front end in TypeScript (codegen/app.ts). The client preset of graphql-codegen generates types
// for its operations. Under strict settings, the types match the schema, including nullability and
// custom scalars.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { generate } from "@graphql-codegen/cli";
import { buildSchema } from "graphql";

const FOLDER = fileURLToPath(new URL("codegen/", import.meta.url));
const SCHEMA = fileURLToPath(new URL("../../schema.graphql", import.meta.url));
const TSC = fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url));

before(() => rm(`${FOLDER}__generated__`, { recursive: true, force: true }));

test("the types of the client preset match the schema under strict settings", async () => {
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
            // A scalar without a configured type is an error instead of `any`.
            strictScalars: true,
            scalars: { DateTime: "string" },
            // A selected field is always present, possibly as null.
            avoidOptionals: { field: true },
            useTypeImports: true,
          },
        },
      },
    },
    true,
  );
  const types = await readFile(`${FOLDER}__generated__/graphql.ts`, "utf8");
  const { description } = buildSchema(await readFile(SCHEMA, "utf8")).getType("DateTime");
  assert.ok(types.includes(description), "the types have the descriptions of the schema");
  await promisify(execFile)(TSC, ["--project", FOLDER]).catch(({ stdout }) => assert.fail(stdout));
});
