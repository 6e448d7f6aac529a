import { type Client, createClient, type Operation } from '@sessiond/client';
import type { TypedDocumentString } from '../gql/graphql';
import { serverClock } from './clock';

/** The server is usually on the visitor's machine, so the page tries to connect again sooner than by default. */
const MAX_BACKOFF_MS = 8_000;

/** A client of the page's server for the holder of `secret`: a session's token, the service key, or none. */
export function clientOf(secret: string | null): Client {
  return createClient({ token: secret, fetch: timedFetch, retry: { max: MAX_BACKOFF_MS } });
}

/**
 * Updates the estimate of the server's time with each response. The browser sends and stores the
 * session's cookie only if `credentials` are set: otherwise a request without a token could come from
 * the cookie's session.
 */
export async function timedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const sentAt = Date.now();
  const response = await fetch(input, { credentials: 'omit', ...init });
  serverClock.update(response.headers.get('date'), sentAt);
  return response;
}

/** The text of a generated operation, in the type that the client takes. */
export function operationOf<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
): Operation<Result, Variables> {
  return String(document) as Operation<Result, Variables>;
}
