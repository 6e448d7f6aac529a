// Generates src/gql/graphql.ts: the types of the operations in src/operations, by the server's
// schema.
// It calls the generator's core, because the command line depends on 250 packages for sources other
// than files.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { buildASTSchema, parse } from 'graphql';

const here = import.meta.dirname;
const operations = join(here, 'src/operations');
const target = join(here, 'src/gql/');

const sdl = parse(await readFile(join(here, '../schema.graphql'), 'utf8'));
const files = (await readdir(operations)).filter((name) => name.endsWith('.graphql')).sort();
const documents = await Promise.all(
  files.map(async (name) => {
    const location = join(operations, name);
    const rawSDL = await readFile(location, 'utf8');
    return { location, rawSDL, document: parse(rawSDL) };
  }),
);

const outputs = await preset.buildGeneratesSection({
  baseOutputDir: target,
  schema: sdl,
  schemaAst: buildASTSchema(sdl),
  documents,
  // Operations are sent as text, so that the page does not need a GraphQL parser.
  config: { documentMode: 'string', useTypeImports: true, enumType: 'string-literal', scalars: { DateTime: 'string' } },
  presetConfig: { fragmentMasking: false },
  plugins: [],
  pluginMap: {},
});
const output = outputs.find(({ filename }) => filename.endsWith('graphql.ts'));
const typed = await codegen(output);
await mkdir(target, { recursive: true });
const before = await readFile(output.filename, 'utf8').catch(() => '');
if (before !== typed) await writeFile(output.filename, typed);
