// Introspection returns the schema of schema.graphql, and graphql-js considers it valid.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
  validateSchema,
} from "graphql";
import { DEADLINE, startServer } from "./server.js";

function print(schema) {
  // async-graphql returns its own description of the schema.
  schema.description = undefined;
  return printSchema(lexicographicSortSchema(schema));
}

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

test("introspection, the file and the route return the same schema", DEADLINE, async () => {
  const file = await readFile(new URL("../../schema.graphql", import.meta.url), "utf8");
  const served = await (await fetch(`${server.url}/schema.graphql`)).text();
  assert.equal(served, file);
  const schema = buildSchema(file);
  assert.deepEqual(validateSchema(schema), []);

  const everything = {
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  };
  const introspected = buildClientSchema(await server.execute(getIntrospectionQuery(everything)));
  assert.equal(print(introspected), print(schema));
});
