import type { TypedDocumentString } from '../gql/graphql';
import { serverClock } from './clock';

/** An error in a response. `retryAfterSeconds` comes with the code `RATE_LIMITED`. */
export interface GraphQLFailure {
  message: string;
  extensions?: { code?: string; retryAfterSeconds?: number };
}

/** The response to an operation. If the server did not respond, `errors` contains the reason. */
export interface GraphQLResponse<Result> {
  data?: Result | null;
  errors?: readonly GraphQLFailure[];
}

/** Posts an operation with `secret`: a session's token, the service key, or none. */
export async function post<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  secret: string | null,
): Promise<GraphQLResponse<Result>> {
  return (await send({ query: String(document), variables }, authorization(secret))) as GraphQLResponse<Result>;
}

/** Posts `request` as JSON, with additional `headers`. */
export async function send(request: object, headers: object): Promise<GraphQLResponse<unknown>> {
  const sentAt = Date.now();
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(request),
    });
    serverClock.update(response.headers.get('date'), sentAt);
    if (response.headers.get('content-type')?.includes('json')) return await response.json();
    return failure(`The server responded with status ${response.status}: ${await response.text()}`);
  } catch {
    return failure('The server did not respond. Is it still running?');
  }
}

/** The header that authenticates the holder of `secret`. */
export function authorization(secret: string | null): { authorization?: string } {
  return secret ? { authorization: `Bearer ${secret}` } : {};
}

/** The messages of a response that failed; `null` if it succeeded. */
export function errorMessage(response: GraphQLResponse<unknown>): string | null {
  return response.errors?.map(({ message }) => message).join(' ') ?? null;
}

function failure(message: string) {
  return { errors: [{ message }] };
}
