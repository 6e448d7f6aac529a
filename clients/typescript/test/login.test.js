// Login, approval and logout of two devices, against the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "../../../tests/clients/server.js";
import { installed } from "./support/app.js";
import { condition, DEADLINE, userWith } from "./support/users.js";

const { createClient, SessiondError } = await installed("@sessiond/client");

let server;
before(async () => (server = await startServer()));
after(async () => assert.equal(await server.stop(), 0));

const device = (options) => createClient({ url: server.url, retry: { min: 10, max: 100 }, ...options });

/** Two devices of a new user. The first one is logged in. */
async function twoDevices(mobile) {
  const input = userWith(mobile);
  const [first, second] = [device(), device()];
  await first.createUser({ ...input, userAgent: "first device" });
  return { first, second, input: { ...input, userAgent: "second device" } };
}

/** The next alert of a kind. */
const nextAlert = (client, kind) =>
  new Promise((resolve) => {
    const listening = client.listen({
      onAlert(alert) {
        if (alert.kind !== kind) return;
        listening.stop();
        resolve(alert);
      },
    });
  });

test("a refused login is an outcome and no error, and the first device is alerted", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000001");
  const result = await second.login({ ...input, onConflict: "REJECT" });
  assert.deepEqual([result.outcome, result.token, second.token], ["REFUSED", null, null]);
  const alert = await nextAlert(first, "LOGIN_REFUSED");
  assert.equal(alert.attempt.userAgent, "second device");
});

test("an approved login continues on the second device, and ends the first session", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000002");
  const asked = nextAlert(first, "LOGIN_PENDING");
  const { outcome, matchNumber } = await second.login({ ...input, onConflict: "ASK" });
  assert.equal(outcome, "AWAITING_APPROVAL");
  const ended = new Promise((resolve) => first.listen({ onEnded: resolve }));
  const approval = second.waitForApproval();
  const { attempt } = await asked;
  await first.decide(attempt.id, "APPROVE", { matchNumber });
  const { approved, session } = await approval;
  assert.deepEqual([approved, session.status], [true, "ACTIVE"]);
  assert.equal((await ended).reason, "REPLACED");
});

test("a device that holds the token of an ended session, or of another user, logs in again", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000021");
  await second.login({ ...input, onConflict: "TAKE_OVER" });
  const ended = first.token;
  const again = await first.login({ ...input, userAgent: "first device", onConflict: "TAKE_OVER" });
  assert.equal(again.outcome, "LOGGED_IN");
  assert.notEqual(first.token, ended);

  const other = await device({ token: first.token }).createUser(userWith("9500000022"));
  assert.ok(other.token);
  const refused = await first.login({ ...userWith("9500000022"), onConflict: "REJECT", userAgent: "first device" });
  assert.deepEqual([refused.outcome, first.token], ["REFUSED", again.token]);
});

test("a denied login ends the wait", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000003");
  await second.login({ ...input, onConflict: "ASK" });
  const approval = second.waitForApproval();
  const { attempt } = await nextAlert(first, "LOGIN_PENDING");
  await first.decide(attempt.id, "DENY");
  const result = await approval;
  assert.deepEqual([result.approved, result.reason], [false, "NOT_APPROVED"]);
  await assert.rejects(first.decide(attempt.id, "APPROVE"), { code: "NOT_FOUND" });
});

test("an approval with a wrong number denies the login", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000012");
  const { matchNumber } = await second.login({ ...input, onConflict: "ASK" });
  const approval = second.waitForApproval();
  const { attempt } = await nextAlert(first, "LOGIN_PENDING");
  assert.equal(attempt.matchChoices.length, 3);
  const wrong = attempt.matchChoices.find((number) => number !== matchNumber);
  await first.decide(attempt.id, "APPROVE", { matchNumber: wrong });
  assert.equal((await approval).approved, false);
});

test("a user who freezes the account ends the session and the login that waits", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000013");
  await second.login({ ...input, onConflict: "ASK" });
  const approval = second.waitForApproval();
  const ended = new Promise((resolve) => first.listen({ onEnded: resolve }));
  await first.request("mutation { freezeUser(input: {}) { message } }", {});
  assert.equal((await ended).reason, "FROZEN");
  assert.deepEqual([(await approval).approved, (await approval).reason], [false, "FROZEN"]);
  await assert.rejects(device().login(input), { code: "FROZEN" });
});

test("a login that was approved while the server restarted and the device reloaded is found", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000004");
  const { token, matchNumber } = await second.login({ ...input, onConflict: "ASK" });
  const { attempt } = await nextAlert(first, "LOGIN_PENDING");
  await first.decide(attempt.id, "APPROVE", { matchNumber });
  await server.restart("SIGKILL");
  const reloaded = device({ token });
  assert.equal((await reloaded.waitForApproval()).approved, true);
});

test("a wait that is aborted rejects with the reason of the signal", DEADLINE, async () => {
  const { second, input } = await twoDevices("9500000005");
  await second.login({ ...input, onConflict: "ASK" });
  const controller = new AbortController();
  const wait = second.waitForApproval({ signal: controller.signal });
  controller.abort(new Error("the user went back"));
  await assert.rejects(wait, /the user went back/);
  await second.logout();
  assert.equal(second.token, null);
});

test("the device id of the client makes its next login replace its own session", DEADLINE, async () => {
  const deviceId = crypto.randomUUID();
  const input = userWith("9500000006");
  await device({ deviceId }).createUser(input);
  const { outcome } = await device({ deviceId }).login({ ...input, onConflict: "REJECT" });
  assert.equal(outcome, "LOGGED_IN");
});

test("each new token, and the logout, is reported for storage", DEADLINE, async () => {
  const tokens = [];
  const client = device({ onToken: (token) => tokens.push(token) });
  await client.createUser(userWith("9500000007"));
  assert.equal((await client.currentSession()).user.mobile, "9500000007");
  await client.logout();
  await client.logout();
  assert.equal(await client.currentSession(), null);
  assert.deepEqual([tokens.length, tokens[1]], [2, null]);
});

test("a logout of a session that has ended already succeeds", DEADLINE, async () => {
  const input = userWith("9500000008");
  const first = device();
  const { token } = await first.createUser(input);
  await device().login({ ...input, onConflict: "TAKE_OVER" });
  const reloaded = device({ token });
  await reloaded.logout();
  await first.logout();
  assert.deepEqual([first.token, reloaded.token], [null, null]);
});

test("errors have the server's code, and the name of a wrong input", DEADLINE, async () => {
  const client = device();
  await assert.rejects(
    client.login({ mobile: "9500000099", username: "nobody", password: "wrong password" }),
    (error) => {
      assert.ok(error instanceof SessiondError);
      assert.equal(error.code, "INVALID_CREDENTIALS");
      return true;
    },
  );
  await assert.rejects(client.login({ mobile: "12", username: "nobody" }), { code: "INVALID_INPUT", field: "mobile" });
});

test("recent alerts and the cursor after them leave no gap", DEADLINE, async () => {
  const { first, second, input } = await twoDevices("9500000010");
  for (const userAgent of ["a", "b"]) await second.login({ ...input, onConflict: "REJECT", userAgent });
  const { alerts, cursor } = await first.recentAlerts();
  assert.deepEqual(
    alerts.map(({ sequence }) => sequence),
    [1, 2],
  );
  await second.login({ ...input, onConflict: "REJECT", userAgent: "c" });
  const { changed, until } = condition();
  const received = [];
  const listening = first.listen({
    after: cursor,
    onAlert: ({ sequence }) => {
      received.push(sequence);
      changed();
    },
  });
  await until(() => received.length > 0);
  assert.deepEqual(received, [3]);
  listening.stop();
});

test("an operation of the app runs with the token of the client", DEADLINE, async () => {
  const client = device();
  await client.createUser(userWith("9500000011"));
  const { currentSession } = await client.request("query { currentSession { user { sessions { totalCount } } } }", {});
  assert.equal(currentSession.user.sessions.totalCount, 1);
});
