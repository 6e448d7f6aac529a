// The server executes the operations that graphql-js considers valid, and rejects the others. The
// README lists the exceptions, which come from async-graphql, and a test here fails when one of
// them disappears.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { buildSchema, parse, validate } from "graphql";
import { CREATE } from "./operations.js";
import { DEADLINE, startServer } from "./server.js";

const M = 'mobile: "9800000001"';
const VARIABLES = { m: "9800000001", yes: true, no: false, one: 1, keys: ["x"] };

const VALID = [
  "query ($yes: Boolean!) { currentSession @include(if: $yes) { id } }",
  "query ($no: Boolean!) { currentSession { id } ... @skip(if: $no) { __typename } }",
  "query ($yes: Boolean!) { __typename @include(if: $yes) @skip(if: false) }",
  `query ($one: Int!) { user(${M}) { ...F } } fragment F on User { sessions(first: $one) { totalCount } }`,
  `query ($left: Int, $out: String) { user(${M}) { sessions(first: $left, after: $out) { totalCount } } }`,
  "query ($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { id } }",
  "query ($m: ID!) { sessionsByKey(sessionKeys: [$m]) { id } }",
  '{ sessionsByKey(sessionKeys: "x") { id } node(id: 5) { id } }',
  '{ node(id: "x") { id ... on User { name: username } ... on Session { name: userAgent } } }',
  `query A { user(${M}) { id } } query B { user(${M}) { nothing: username } }`,
  `{ user(mobile: """9800000001""") { id } } # a comment`,
  '{ user(mobile: "\\uD83D\\uDE00") { id } }',
  '{ user(mobile: "\\u{1F600}\\u{61}") { id } }',
  `{ user(${M}) { sessions(first: -0) { totalCount } } }`,
  "query ($keys: [ ID ! , ] # all\r\n !) { sessionsByKey(sessionKeys: $keys) { id } }",
  "query ($m: String !) { user(mobile: $ m) { ... on # a comment\n User { id } } }",
  `\uFEFF{ user (${M}) { id }\uFEFF}`,
  `{,,,user(${M}) { id, id, ...F ...F },,,} fragment F on User { id }`,
  '{ __schema { description } __type(name: "Session") { fields(includeDeprecated: true) { name } } }',
];

const INVALID = [
  "",
  "{",
  "{ currentSession {} }",
  "type X { a: Int }",
  '{ user(mobile: "\\uD83D") { id } }',
  '{ user(mobile: "\\u{110000}") { id } }',
  `{ user(${M}) { sessions(first: 01) { totalCount } } }`,
  "{ currentSession { nothing } }",
  "{ currentSession { id { x } } }",
  `{ user(${M}) }`,
  "{ user { id } }",
  "{ user(mobile: null) { id } }",
  "{ user(mobile: 5) { id } }",
  `{ user(${M}, ${M}) { id } }`,
  `{ user(${M}, x: 1) { id } }`,
  `{ user(${M}) { sessions(first: 1.5) { totalCount } } }`,
  `{ user(${M}) { x: id x: mobile } }`,
  "{ node(id: true) { id } }",
  "{ sessionsByKey(sessionKeys: [null]) { id } }",
  "{ user(mobile: $m) { id } }",
  "query ($m: String!, $m: String!) { user(mobile: $m) { id } }",
  "query ($m: String!) { currentSession { id } }",
  "query ($m: Nothing!) { user(mobile: $m) { id } }",
  "query ($m: User!) { user(mobile: $m) { id } }",
  "{ currentSession @nothing { id } }",
  "{ currentSession @skip { id } }",
  '{ currentSession @skip(if: "x") { id } }',
  "{ currentSession @skip(if: false) @skip(if: false) { id } }",
  "query @include(if: true) { currentSession { id } }",
  "{ ...F @deprecated } fragment F on Query { currentSession { id } }",
  "{ ...F } fragment F on Query @skip(if: true) { currentSession { id } }",
  "{ currentSession @deprecated { id } }",
  "query ($one: Int! @deprecated) { node(id: $one) { id } }",
  "{ __typename @nothing }",
  "{ __typename @deprecated }",
  "{ __typename @skip }",
  '{ __typename @skip(if: "x") }',
  "{ __typename @skip(if: $unknown) }",
  "{ __typename @skip(if: false) @skip(if: false) }",
  "{ __typename(a: 1) }",
  "{ __typename { a } }",
  "{ ...Nothing }",
  "{ ...F } fragment F on Nothing { x }",
  "{ ...F } fragment F on LoginInput { mobile }",
  "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
  "{ __typename } fragment F on User { id }",
  "{ currentSession { ... on User { id } } }",
  "query A { __typename } query A { __typename }",
  "{ __typename } query A { __typename }",
  `mutation { login(input: { ${M} }) { message } }`,
  `mutation { login(input: { ${M}, username: "x", nothing: 1 }) { message } }`,
  `mutation { login(input: { ${M}, username: "x", onConflict: MAYBE }) { message } }`,
  `mutation { login(input: { ${M}, ${M}, username: "x" }) { message } }`,
];

// Invalid operations that async-graphql 8.0.0-rc.5 executes, with the meaning that their sender
// intends.
const ACCEPTED_INVALID = [
  `mutation { login(input: { ${M}, username: "x", onConflict: "ASK" }) { message } }`,
  "query ($m: String) { user(mobile: $m) { id } }",
  "query ($m: ID!) { user(mobile: $m) { id } }",
  "query ($m: ID!) { sessionsByKey(sessionKeys: $m) { id } }",
  '{ node(id: "x") { ... on User { x: username } ... on Session { x: isValid } } }',
];

// Valid operations that async-graphql 8.0.0-rc.5 rejects.
const REJECTED_VALID = [`subscription { sessionAlerts(${M}) { id } sessionAlerts(${M}) { kind } }`];

let server;
let schema;
before(async () => {
  server = await startServer();
  await server.execute(CREATE, { input: { mobile: VARIABLES.m, username: "SavingsBank" } });
  schema = buildSchema(await readFile(new URL("../../schema.graphql", import.meta.url), "utf8"));
});
after(async () => assert.equal(await server.stop(), 0));

function isValid(query) {
  try {
    return validate(schema, parse(query)).length === 0;
  } catch {
    return false;
  }
}

/**
 * Whether the server executes `query`. In this media type, a rejected operation has the status 400.
 */
async function isExecuted(query) {
  const response = await fetch(server.graphql, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query, variables: VARIABLES, operationName: query.startsWith("query A {") ? "A" : null }),
  });
  const { errors } = await response.json();
  if (response.status === 200) return true;
  assert.equal(response.status, 400, query);
  for (const { extensions } of errors) assert.equal(extensions.code, "BAD_REQUEST", query);
  return false;
}

for (const [name, queries, valid, executed] of [
  ["valid operations are executed", VALID, true, true],
  ["invalid operations are rejected", INVALID, false, false],
  ["some invalid operations are executed", ACCEPTED_INVALID, false, true],
  ["some valid operations are rejected", REJECTED_VALID, true, false],
]) {
  test(name, DEADLINE, async () => {
    for (const query of queries) {
      assert.equal(isValid(query), valid, `graphql-js: ${query}`);
      assert.equal(await isExecuted(query), executed, query);
    }
  });
}

test("a condition uses the default value of its variable", DEADLINE, async () => {
  const query = (condition) => `query ($left: Boolean = true, $out: Boolean! = false) {
    user(${M}) { mobile @${condition} ...F } } fragment F on User { ... @${condition} { username } }`;
  const both = { mobile: VARIABLES.m, username: "SavingsBank" };
  for (const [condition, user] of [
    ["include(if: $left) @skip(if: $out)", both],
    ["skip(if: $out) @include(if: $left)", both],
    ["include(if: $out) @skip(if: $left)", {}],
  ]) {
    assert.deepEqual((await server.execute(query(condition))).user, user, condition);
  }
});
