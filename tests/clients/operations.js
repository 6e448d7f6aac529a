// What a front end sends, shared by the tests of its clients.

export const CREATE = `mutation CreateUser($input: CreateUserInput!) {
  createUser(input: $input) { message token user { id mobile } session { id sessionKey isValid status } }
}`;
export const LOGIN = `mutation Login($input: LoginInput!) {
  login(input: $input) { outcome message token session { id sessionKey isValid status } }
}`;
export const LOG_OUT = `mutation LogOut($key: ID!) {
  invalidateSession(input: { sessionKey: $key }) { message session { id isValid status endReason } }
}`;
export const CURRENT = `query Current { currentSession { id isValid status endReason } }`;
export const ALERTS = `subscription Alerts($mobile: String, $after: ID) {
  sessionAlerts(mobile: $mobile, after: $after) {
    id sequence kind message attempt { id userAgent ipAddress } session { id isValid status endReason }
  }
}`;
export const HISTORY = `query History($mobile: String!) {
  user(mobile: $mobile) {
    id activeSession { id isValid status }
    sessions { nodes { id isValid status endReason } } alerts { nodes { id kind } }
  }
}`;

/** Whoever registers and logs in. */
export const person = (mobile) => ({ mobile, username: "SavingsBank", password: "correct horse battery" });

/**
 * Resolves once whatever `client`, of graphql-ws, subscribed to before is under way: a query that was answered over
 * the same socket after it says so.
 */
export async function underWay(client) {
  for await (const { errors } of client.iterate({ query: CURRENT })) {
    if (errors) throw new Error(JSON.stringify(errors));
  }
}
