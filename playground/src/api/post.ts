import type { TypedDocumentString } from '../gql/graphql';
import { serverClock } from './clock';

export interface GraphQLFailure {
  message: string;
  extensions?: { code?: string; retryAfterSeconds?: number };
}

/** The answer to an operation, as it came. Where none came, `errors` says so. */
export interface Answer<Result> {
  data?: Result | null;
  errors?: readonly GraphQLFailure[];
}

/** Posts an operation as whoever holds `secret`: a session's token or the service key. */
export async function post<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  secret: string | null,
): Promise<Answer<Result>> {
  return (await send({ query: String(document), variables }, authorization(secret))) as Answer<Result>;
}

/** Posts a request as it is. */
export async function send(request: object, headers: object): Promise<Answer<unknown>> {
  const asked = Date.now();
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
    serverClock.learn(response.headers.get('date'), asked);
    if (response.headers.get('content-type')?.includes('json')) return await response.json();
    return failure(`The server answered ${response.status}: ${await response.text()}`);
  } catch {
    return failure('The server gave no answer. Is it still running?');
  }
}

/** The header that makes a request the holder's. */
export function authorization(secret: string | null): { authorization?: string } {
  return secret ? { authorization: `Bearer ${secret}` } : {};
}

/** What a person reads of an answer that failed; `null` where it did not. */
export function failed(answer: Answer<unknown>): string | null {
  return answer.errors?.map(({ message }) => message).join(' ') ?? null;
}

function failure(message: string) {
  return { errors: [{ message }] };
}
