/** Request headers in the form that GraphiQL's Headers pane returns. */
export type Headers = Record<string, unknown>;

/**
 * A browser cannot set the headers of a WebSocket, so `Authorization` is sent in `connection_init`.
 */
export function connectionParams(headers: Headers): Record<string, unknown> {
  const value = authorizationOf(headers);
  return value === undefined ? {} : { authorization: value };
}

/** The value of the `Authorization` header; undefined if there is none. */
export function authorizationOf(headers: Headers): unknown {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}

/** The URL for subscriptions, on the host of the page. */
export function socketUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`;
}

/** Converts the failure of a subscription, which has several forms, to messages for a person. */
export function readableErrors(failure: unknown): readonly { message: string }[] {
  if (Array.isArray(failure)) return failure; // GraphQL errors.
  if (failure instanceof Error) return [{ message: failure.message }];
  return [{ message: isServerClose(failure) ? describe(failure) : 'The WebSocket connection failed.' }];
}

interface Close {
  code: number;
  reason: string;
}

/**
 * Whether the server closed the socket. A browser reports a failed connection as code 1006, or as
 * an event without a code.
 */
function isServerClose(failure: unknown): failure is Close {
  return typeof failure === 'object' && failure !== null && 'code' in failure && failure.code !== 1006;
}

function describe({ code, reason }: Close): string {
  return `The server closed the WebSocket: ${code} ${reason}`.trimEnd();
}
