// The operations of a front end, shared by the tests.

export const CREATE = `mutation CreateUser($input: CreateUserInput!) {
  createUser(input: $input) { message token user { id mobile alertCursor } session { id sessionKey isValid status } }
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

/** The credentials of a user, which are a valid input of `createUser` and `login`. */
export const credentials = (mobile) => ({ mobile, username: "SavingsBank", password: "correct horse battery" });

/**
 * Waits until the subscriptions that `client` of graphql-ws has sent are active, so that a test may
 * end their session. The server processes the messages of a socket in order: a query that is sent
 * after a subscription gets its result after the subscription is active.
 */
export async function subscriptionsAreActive(client) {
  for await (const { errors } of client.iterate({ query: CURRENT })) {
    if (errors) throw new Error(JSON.stringify(errors));
  }
}
