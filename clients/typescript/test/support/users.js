// Users, and the alerts that a second device raises for them.

import assert from "node:assert/strict";
import { CREATE, LOGIN } from "../../../../tests/clients/operations.js";

/** An option of `test`: the time after which a test fails. It is far longer than any test takes. */
export const DEADLINE = { timeout: 300_000 };

/** A user without a password, so that no test waits for a hash. Only the service registers one. */
export const userWith = (mobile) => ({ mobile, username: "SavingsBank" });

/** Registers a user, with a service key unless the server is in development mode. The result raises alerts of its session, each by another device. */
export async function createUser(server, mobile, key) {
  const input = userWith(mobile);
  const { createUser } = await server.execute(CREATE, { input }, key);
  const { token, session, user } = createUser;
  let devices = 0;
  return {
    input,
    token,
    sessionKey: session.sessionKey,
    alertCursor: user.alertCursor,
    /** A login of another device, which is refused and alerted. */
    async raiseAlert() {
      devices += 1;
      const device = { userAgent: `device ${devices}`, onConflict: "REJECT" };
      const { login } = await server.execute(LOGIN, { input: { ...input, ...device } }, key);
      assert.equal(login.outcome, "REFUSED");
    },
  };
}

/** Resolves when `condition` holds. `changed` must be called after each change. */
export function condition() {
  const waiters = new Set();
  return {
    changed: () => {
      for (const waiter of [...waiters]) waiter();
    },
    until: (holds) =>
      new Promise((resolve) => {
        const look = () => {
          if (!holds()) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
      }),
  };
}
