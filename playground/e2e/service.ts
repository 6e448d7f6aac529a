/** Requests that a back end sends while the page is open. */

/** Executes an operation by POST with the variable `input`, and returns its `data`. */
export async function execute(
  url: string,
  query: string,
  input: object | string,
  secret?: string,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const userAgent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';

/** Creates a user, and returns the token of its first session. */
export async function addUser(url: string, mobile: string, secret?: string): Promise<string> {
  const input = { mobile, username: 'SavingsBank', userAgent, ipAddress: '198.51.100.100' };
  const query = 'mutation($input: CreateUserInput!) { createUser(input: $input) { token } }';
  const { createUser } = await execute(url, query, input, secret);
  return (createUser as { token: string }).token;
}

/** Reads the user with this number; `null` if there is none. */
export async function findUser(url: string, mobile: string, secret: string): Promise<unknown> {
  const query = 'query($input: String!) { user(mobile: $input) { username } }';
  return (await execute(url, query, mobile, secret)).user;
}

/** Returns the position before the next alert of the user with this number. */
export async function alertCursor(url: string, mobile: string): Promise<string> {
  const { user } = await execute(url, 'query($input: String!) { user(mobile: $input) { alertCursor } }', mobile);
  return (user as { alertCursor: string }).alertCursor;
}

/** Logs in from another device of the same user. */
export async function logIn(url: string, mobile: string, ipAddress: string, onConflict: string) {
  const input = { mobile, username: 'SavingsBank', userAgent, ipAddress, onConflict };
  await execute(url, 'mutation($input: LoginInput!) { login(input: $input) { outcome } }', input);
}
