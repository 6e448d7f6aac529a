// The calls to sessiond with the service key. The bank has checked the user's password itself, so it
// sends none: it vouches for the user.

import { createClient } from "@sessiond/client";

const REGISTER = `mutation Register($input: CreateUserInput!) {
  createUser(input: $input) { token message }
}`;
const LOG_IN = `mutation LogIn($input: LoginInput!) {
  login(input: $input) { outcome token message matchNumber retryAfterSeconds }
}`;

export function createSessions({ url, key }) {
  const service = createClient({ url, token: key });
  return {
    /** Registers a user of the bank, and opens the session of this device. */
    async register({ mobile, name }, device) {
      const { createUser } = await service.request(REGISTER, { input: { mobile, username: name, ...device } });
      return createUser;
    },

    /** Logs a user in. If another device has the session, it is asked. */
    async logIn({ mobile, name }, device) {
      const input = { mobile, username: name, onConflict: "ASK", ...device };
      const { login } = await service.request(LOG_IN, { input });
      return login;
    },
  };
}
