import { execute } from "../session.js";

const LOG_OUT = "mutation($input: InvalidateSessionInput!) { invalidateSession(input: $input) { message } }";

document.querySelector("button").addEventListener("click", async () => {
  const { currentSession } = await execute("{ currentSession { sessionKey isValid } }");
  // The response removes the cookie.
  if (currentSession?.isValid) await execute(LOG_OUT, { input: { sessionKey: currentSession.sessionKey } });
  location.assign("/");
});
