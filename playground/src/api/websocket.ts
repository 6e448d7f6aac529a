/** Request headers as GraphiQL's headers editor gives them. */
export type Headers = Record<string, unknown>;

/** A browser's WebSocket sends no headers of ours, so `Authorization` goes into `connection_init`. */
export function connectionParams(headers: Headers): Record<string, unknown> {
  const header = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  return header ? { authorization: header[1] } : {};
}

/** Where subscriptions are served: on the page's own host. */
export function socketUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`;
}

/** What a person can read of a failed subscription, whichever form its failure has. */
export function readableErrors(failure: unknown): readonly { message: string }[] {
  if (Array.isArray(failure)) return failure; // GraphQL errors, readable as they are.
  if (failure instanceof Error) return [{ message: failure.message }];
  return [
    { message: isServersClose(failure) ? describe(failure) : 'The WebSocket could not be opened, or broke off.' },
  ];
}

interface Close {
  code: number;
  reason: string;
}

/** 1006 is the browser's own word for a connection that failed; where none came about, it has only a bare event. */
function isServersClose(failure: unknown): failure is Close {
  return typeof failure === 'object' && failure !== null && 'code' in failure && failure.code !== 1006;
}

function describe({ code, reason }: Close): string {
  return `The server closed the WebSocket: ${code} ${reason}`.trimEnd();
}
