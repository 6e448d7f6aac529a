// What tools learn of the API by asking the server is what schema.graphql says, and graphql-js holds it to be valid.

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
import { DEADLINE, start } from "./server.js";

function print(schema) {
  // async-graphql answers a text of its own for the schema as a whole.
  schema.description = undefined;
  return printSchema(lexicographicSortSchema(schema));
}

let server;
before(async () => (server = await start()));
after(async () => assert.equal(await server.stop(), 0));

test("introspection, the file and the route tell the same", DEADLINE, async () => {
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
  const introspected = buildClientSchema(await server.run(getIntrospectionQuery(everything)));
  assert.equal(print(introspected), print(schema));
});
