import type { SessiondError } from "../errors.js";

/** A subscription to start. */
export interface StreamRequest {
  query: string;
  variables: Record<string, unknown>;
  token: string | null;
}

export interface StreamResult {
  data?: Record<string, unknown> | null;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/**
 * The end of a connection. `lost`: a retry may succeed. `prompt`: the server shut down on purpose,
 * so another one may be ready at once. `refused`: a retry would fail in the same way.
 */
export type Close =
  | { kind: "completed" }
  | { kind: "lost"; error: SessiondError; prompt?: boolean }
  | { kind: "refused"; error: SessiondError };

export interface StreamSink {
  /** The server accepted the connection. */
  opened(): void;
  next(result: StreamResult): void;
  /** Called once, and last. */
  closed(close: Close): void;
}

export interface Connection {
  /** Closes the connection. The sink receives nothing more. */
  close(): void;
  /** Checks soon whether the connection is still alive, for example after the machine slept. */
  probe(): void;
}

/** Opens one connection for one subscription. */
export type Transport = (request: StreamRequest, sink: StreamSink) => Connection;

/** Passes nothing on after the end of the connection, and runs `release` at its end. */
export function once(sink: StreamSink, release: () => void) {
  let done = false;
  return {
    get done() {
      return done;
    },
    opened: () => {
      if (!done) sink.opened();
    },
    next: (result: StreamResult) => {
      if (!done) sink.next(result);
    },
    closed(close: Close) {
      if (done) return;
      done = true;
      release();
      sink.closed(close);
    },
    cancel() {
      if (done) return;
      done = true;
      release();
    },
  };
}
