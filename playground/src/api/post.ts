import { SessiondError } from '@sessiond/client';
import type { TypedDocumentString } from '../gql/graphql';
import { clientOf, operationOf, timedFetch } from './client';

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

const NO_RESPONSE = 'The server did not respond. Is it still running?';

/** Posts an operation with `secret`: a session's token, the service key, or none. */
export async function post<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  secret: string | null,
): Promise<GraphQLResponse<Result>> {
  try {
    return { data: await clientOf(secret).request(operationOf(document), variables) };
  } catch (problem) {
    if (!(problem instanceof SessiondError)) throw problem;
    // The pages show the whole response, and not only its first error.
    const { code, message, response } = problem;
    return (response as GraphQLResponse<Result>) ?? failure(code === 'UNREACHABLE' ? NO_RESPONSE : message);
  }
}

/**
 * Posts a request of the editor, which may have any text and any `headers`. With `cookie`, the browser
 * sends and stores the session's cookie.
 */
export async function send(request: object, headers: object, cookie = false): Promise<GraphQLResponse<unknown>> {
  try {
    const response = await timedFetch('/graphql', {
      method: 'POST',
      credentials: cookie ? 'same-origin' : 'omit',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(request),
    });
    if (response.headers.get('content-type')?.includes('json')) return await response.json();
    return failure(`The server responded with status ${response.status}: ${await response.text()}`);
  } catch {
    return failure(NO_RESPONSE);
  }
}

/** The header that authenticates the holder of `secret`. */
export function authorization(secret: string | null): { authorization?: string } {
  return secret ? { authorization: `Bearer ${secret}` } : {};
}

/**
 * The messages of a response that failed, for people: names of the API are in quotation marks instead of
 * backticks. `null` if it succeeded.
 */
export function errorMessage(response: GraphQLResponse<unknown>): string | null {
  return response.errors?.map(({ message }) => message.replace(/`([^`]*)`/g, '“$1”')).join(' ') ?? null;
}

function failure(message: string) {
  return { errors: [{ message }] };
}
