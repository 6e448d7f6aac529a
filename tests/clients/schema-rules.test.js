// The rules of graphql-eslint for a schema: names, descriptions everywhere, ids, and Relay's
// pagination.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import plugin from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";
import { Kind } from "graphql";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SCHEMA = `${ROOT}schema.graphql`;

// The README gives the reason for each rule that differs from the plugin's presets.
const RULES = {
  ...plugin.configs["flat/schema-recommended"].rules,
  ...plugin.configs["flat/schema-relay"].rules,
  "@graphql-eslint/input-name": ["error", { checkInputType: true, caseSensitiveInputType: false }],
  "@graphql-eslint/no-scalar-result-type-on-mutation": "error",
  "@graphql-eslint/require-deprecation-date": "error",
  "@graphql-eslint/require-nullable-fields-with-oneof": "error",
  "@graphql-eslint/require-type-pattern-with-oneof": "error",
  "@graphql-eslint/require-description": [
    "error",
    {
      types: true,
      rootField: true,
      [Kind.DIRECTIVE_DEFINITION]: true,
      [Kind.ENUM_VALUE_DEFINITION]: true,
      [Kind.FIELD_DEFINITION]: true,
      [Kind.INPUT_VALUE_DEFINITION]: true,
    },
  ],
  "@graphql-eslint/strict-id-in-types": [
    "error",
    {
      exceptions: {
        types: ["Device", "PageInfo", "Place", "SessionEvent", "SessionHolder", "UserFreeze"],
        suffixes: ["Payload", "Connection", "Edge"],
      },
    },
  ],
  "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
  "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
  "@graphql-eslint/description-style": "off",
};

// Accepted findings, one by one. The rules stay on for everything else.
const ACCEPTED = [
  'Field "sessionKey" starts with the name of the parent type "Session" (no-typename-prefix)',
  'Field "username" starts with the name of the parent type "User" (no-typename-prefix)',
  'Description is required for input value "if" in directive "include" (require-description)',
  'Description is required for input value "if" in directive "skip" (require-description)',
  'Description is required for input value "url" in directive "specifiedBy" (require-description)',
];

async function lint(sdl) {
  const eslint = new ESLint({
    cwd: ROOT,
    overrideConfigFile: true,
    overrideConfig: {
      files: ["**/*.graphql"],
      languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: sdl } } },
      plugins: { "@graphql-eslint": plugin },
      rules: RULES,
    },
  });
  const [result] = await eslint.lintText(sdl, { filePath: SCHEMA });
  return result.messages.map(({ message, ruleId }) => `${message} (${ruleId?.replace("@graphql-eslint/", "")})`);
}

test("the schema follows every rule, except for the accepted findings", async () => {
  assert.deepEqual(await lint(await readFile(SCHEMA, "utf8")), ACCEPTED);
});

test("a schema that breaks a rule is reported", async () => {
  const schema = await readFile(SCHEMA, "utf8");
  for (const [text, instead, rule] of [
    ["isValid", "is_valid", "naming-convention"],
    ["LoginDecision", "LoginDecisionEnum", "naming-convention"],
    ["LoginInput", "DeviceInput", "input-name"],
    ["  startCursor:", "  firstCursor:", "relay-page-info"],
    ["  cursor:", "  place:", "relay-edge-types"],
    ["  edges:", "  entries:", "relay-connection-types"],
    ["    after: String\n", "    from: String\n", "relay-arguments"],
    ["): LoginPayload!", "): Boolean!", "no-scalar-result-type-on-mutation"],
    ["type LoginAttempt {", "type LoginAttempt {\n  note: String", "require-description"],
    ["  id: ID!", "  key: ID!", "strict-id-in-types"],
  ]) {
    assert.ok(schema.includes(text), text);
    const findings = await lint(schema.replaceAll(text, instead));
    assert.ok(
      findings.some((finding) => finding.endsWith(`(${rule})`)),
      `${rule}: ${findings.join("\n")}`,
    );
  }
});
