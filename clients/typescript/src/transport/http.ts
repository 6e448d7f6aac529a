import { asError, fromGraphQL, type GraphQLResponse, SessiondError } from "../errors.js";
import type { Operation } from "../operation.js";

export interface HttpOptions {
  /** The URL of `/graphql`. */
  url: string;
  fetch: typeof fetch;
  /** The time for a response in milliseconds. */
  timeout: number;
  /** Whether the browser sends the session's cookie, also to a server of another origin. */
  cookie?: boolean;
}

export interface PostOptions {
  token: string | null;
  signal?: AbortSignal | undefined;
}

/** Sends one query or mutation, and returns its data. */
export async function post<Result, Variables>(
  { url, fetch, timeout, cookie }: HttpOptions,
  query: Operation<Result, Variables>,
  variables: Variables,
  { token, signal }: PostOptions,
): Promise<Result> {
  const deadline = AbortSignal.timeout(timeout);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: headers(token, "application/graphql-response+json, application/json;q=0.9"),
      ...credentials(cookie),
      body: JSON.stringify({ query, variables }),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    body = await response.json().catch((problem) => {
      if (deadline.aborted || signal?.aborted) throw problem;
      return null;
    });
  } catch (problem) {
    signal?.throwIfAborted();
    throw asError(problem);
  }
  const { data, errors } = (body ?? {}) as GraphQLResponse;
  if (errors) throw fromGraphQL(errors, { ...detailsOf(response), response: body as GraphQLResponse });
  if (!data) throw badResponse(response);
  return data as Result;
}

export function headers(token: string | null, accept: string): Record<string, string> {
  const credentials = token === null ? {} : { authorization: `Bearer ${token}` };
  return { "content-type": "application/json", accept, ...credentials };
}

/** The option of `fetch` with which a browser sends and stores the cookie of a server of another origin. */
export function credentials(cookie: boolean | undefined): { credentials?: "include" } {
  return cookie ? { credentials: "include" } : {};
}

/** The error of a response that is not one of GraphQL, for example of a proxy. */
export function badResponse(response: Response): SessiondError {
  const code = response.status === 503 ? "UNAVAILABLE" : response.status === 429 ? "RATE_LIMITED" : "BAD_RESPONSE";
  const message = `The response with status ${response.status} is not a GraphQL response.`;
  return new SessiondError(code, message, detailsOf(response));
}

export function detailsOf({ status, headers }: Response) {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return { status, retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined };
}
