// Generates src/generated: the types of the operations in src/operations by the server's schema, and
// the text of each operation. The package needs no GraphQL parser, because the texts are complete.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codegen } from "@graphql-codegen/core";
import * as operationTypes from "@graphql-codegen/typescript-operations";
import { buildASTSchema, Kind, parse, print, stripIgnoredCharacters, visit } from "graphql";

const here = import.meta.dirname;
const target = join(here, "src/generated");

const sdl = parse(await readFile(join(here, "../../schema.graphql"), "utf8"));
const schema = buildASTSchema(sdl);

const folder = join(here, "src/operations");
const names = (await readdir(folder)).filter((name) => name.endsWith(".graphql"));
const documents = await Promise.all(
  names.sort().map(async (name) => {
    const location = join(folder, name);
    const document = parse(await readFile(location, "utf8"));
    return { location, document, rawSDL: print(document) };
  }),
);

const types = await codegen({
  filename: "types.ts",
  schema: sdl,
  schemaAst: schema,
  documents,
  config: {
    useTypeImports: true,
    enumType: "string-literal",
    enumsAsTypes: true,
    skipTypename: true,
    scalars: { DateTime: "string" },
    immutableTypes: true,
  },
  plugins: [{ operations: {} }],
  pluginMap: { operations: operationTypes },
});

/** The text of an operation, and of the fragments that it needs, each once. */
function textOf(operation, fragments) {
  const needed = new Map();
  const collect = (node) =>
    visit(node, {
      FragmentSpread({ name }) {
        if (needed.has(name.value)) return;
        needed.set(name.value, fragments.get(name.value));
        collect(fragments.get(name.value));
      },
    });
  collect(operation);
  return stripIgnoredCharacters([operation, ...needed.values()].map((node) => print(node)).join("\n"));
}

const definitions = documents.flatMap(({ document }) => document.definitions);
const fragments = new Map(
  definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]),
);
const constants = definitions
  .filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  .map((node) => {
    const name = node.name.value;
    const kind = node.operation[0].toUpperCase() + node.operation.slice(1);
    const constant = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
    const type = `Operation<types.${name}${kind}, types.${name}${kind}Variables>`;
    return `export const ${constant} = ${JSON.stringify(textOf(node, fragments))} as ${type};`;
  });
const operations = `import type { Operation } from "../operation.js";
import type * as types from "./types.js";

${constants.join("\n")}
`;

await mkdir(target, { recursive: true });
for (const [name, text] of [
  ["types.ts", types],
  ["operations.ts", operations],
]) {
  const path = join(target, name);
  const before = await readFile(path, "utf8").catch(() => "");
  if (before !== text) await writeFile(path, text);
}
