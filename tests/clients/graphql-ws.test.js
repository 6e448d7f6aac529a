// Alerts and the end of a session with npm's graphql-ws, the client that urql, Apollo and Relay use for
// subscriptions.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { DEADLINE, startServer } from "./server.js";

const ALERTS = `subscription ($after: ID) {
  sessionAlerts(after: $after) { id sequence kind attempt { userAgent ipAddress } session { sessionKey } }
}`;
const CREATE = `mutation {
  createUser(input: { mobile: "9012345678", username: "SavingsBank" }) {
    message token user { alertCursor sessions { nodes { sessionKey userAgent ipAddress isValid createdAt } } }
  }
}`;
const LOGIN = `mutation ($onConflict: OnConflict) {
  login(input: { mobile: "9012345678", username: "SavingsBank", userAgent: "Thunder Client",
                 ipAddress: "::ffff:127.0.0.2", onConflict: $onConflict }) {
    outcome message token session { sessionKey }
  }
}`;
const LOG_OUT = `mutation ($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message session { isValid } } }`;

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

function connect(token) {
  return createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    lazy: false,
    connectionParams: { authorization: `Bearer ${token}` },
    onNonLazyError: assert.fail,
  });
}

test("the first device receives alerts, and the second one reads what it missed", DEADLINE, async () => {
  const { createUser } = await server.execute(CREATE);
  assert.equal(createUser.message, "User created successfully");
  const [session] = createUser.user.sessions.nodes;
  assert.equal(session.isValid, true);
  assert.equal(session.userAgent, "npm client");
  assert.equal(session.ipAddress, "127.0.0.1");
  assert.match(session.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  const first = connect(createUser.token);
  const alerts = first.iterate({ query: ALERTS, variables: { after: createUser.user.alertCursor } });

  const refused = (await server.execute(LOGIN)).login;
  assert.equal(refused.outcome, "REFUSED");
  assert.equal(refused.message, "There is already a session up and running. Please log out and log in again.");
  assert.equal(refused.token, null);
  const received = (await alerts.next()).value.data.sessionAlerts;
  assert.equal(received.kind, "LOGIN_REFUSED");
  assert.deepEqual(received.attempt, { userAgent: "Thunder Client", ipAddress: "127.0.0.2" });
  assert.equal(received.session.sessionKey, session.sessionKey);

  const second = (await server.execute(LOGIN, { onConflict: "TAKE_OVER" })).login;
  assert.equal(second.outcome, "LOGGED_IN");
  assert.equal((await alerts.next()).value.data.sessionAlerts.kind, "SESSION_REPLACED");
  assert.equal((await alerts.next()).done, true);
  await first.dispose();

  // The second device was not connected yet. It requests the alerts after the last one that the
  // first device received.
  const other = connect(second.token);
  const missed = other.iterate({ query: ALERTS, variables: { after: received.id } });
  const replaced = (await missed.next()).value.data.sessionAlerts;
  assert.deepEqual([replaced.kind, replaced.sequence], ["SESSION_REPLACED", received.sequence + 1]);
  await other.dispose();

  const { invalidateSession } = await server.execute(LOG_OUT, { key: second.session.sessionKey });
  assert.deepEqual(invalidateSession, {
    message: "Session invalidated successfully.",
    session: { isValid: false },
  });
  assert.equal((await server.execute(LOGIN)).login.outcome, "LOGGED_IN");
});
