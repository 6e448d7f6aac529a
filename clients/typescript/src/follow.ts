import type { RetryOptions } from "./backoff.js";
import { call } from "./callback.js";
import { SessiondError } from "./errors.js";
import { EVENT_CURSOR, SESSION_EVENTS } from "./generated/operations.js";
import type { Operation } from "./operation.js";
import type { Runtime } from "./runtime.js";
import { type ConnectionState, Stream } from "./stream.js";
import { type HttpOptions, post } from "./transport/http.js";
import type { StreamRequest, Transport } from "./transport/types.js";
import type { SessionEvent } from "./types.js";

export interface FollowOptions<Event extends Pick<SessionEvent, "cursor"> = SessionEvent> {
  /**
   * The `cursor` of the last event that was handled, an `eventCursor`, or a function that reads one.
   * The function is called again if it fails with a temporary error. Default: the end of the feed.
   */
  after?: string | (() => Promise<string>) | undefined;
  /**
   * The app's own text of the subscription, for other fields. It selects at least `cursor`, and has
   * the variable `$after: ID`.
   */
  query?: string | Operation<{ sessionEvents: Event }, { after: string }> | undefined;
  /**
   * Receives each event, in order for each user. An event may arrive twice. `CAUGHT_UP` says that
   * everything before it has arrived.
   */
  onEvent?(event: Event): void;
  /**
   * Called once if the server refuses the feed. `CURSOR_EXPIRED`: events are missing, so read the
   * sessions again and follow from there.
   */
  onEnded?(error: SessiondError): void;
  onConnection?(state: ConnectionState): void;
  /** Stops following. */
  signal?: AbortSignal | undefined;
}

export interface Following {
  /** The position after the last event. Store it to continue there later. Null before the start. */
  readonly cursor: string | null;
  stop(): void;
}

/** What a follower needs of its client. */
export interface FollowContext {
  http: HttpOptions;
  transport: Transport;
  runtime: Runtime;
  retry: RetryOptions;
  /** A service key. Null in development mode. */
  token: string | null;
}

/** Follows the sessions of all users. */
export class Follower<Event extends Pick<SessionEvent, "cursor">> implements Following {
  private position: string | null = null;
  private error: SessiondError | null = null;
  private readonly stream: Stream;

  constructor(
    private readonly context: FollowContext,
    private readonly options: FollowOptions<Event>,
  ) {
    const { transport, runtime, retry } = context;
    this.stream = new Stream({
      transport,
      runtime,
      retry,
      request: () => this.request(),
      onData: (data) => this.receive(data.sessionEvents as Event),
      onConnection: (state) => call(() => options.onConnection?.(state)),
      onEnd: async (error) => this.endOfStream(error),
      onFinish: (failure) => this.end(failure),
      signal: options.signal,
    });
  }

  get cursor(): string | null {
    return this.position;
  }

  stop() {
    this.stream.stop();
  }

  private async request(): Promise<StreamRequest> {
    const { after, query } = this.options;
    this.position ??= typeof after === "string" ? after : await (after ?? (() => this.endOfFeed()))();
    return { query: query ?? SESSION_EVENTS, variables: { after: this.position }, token: this.context.token };
  }

  private async endOfFeed(): Promise<string> {
    const { http, token } = this.context;
    return (await post(http, EVENT_CURSOR, {}, { token })).eventCursor;
  }

  private receive(event: Event) {
    this.position = event.cursor;
    call(() => this.options.onEvent?.(event));
  }

  /** Returns true if the feed only completed: it goes on after its last event. */
  private endOfStream(error: SessiondError | null): boolean {
    this.error = error;
    return error === null;
  }

  private end(failure: SessiondError | null) {
    const error = this.error ?? failure ?? new SessiondError("BAD_RESPONSE", "no reason was given");
    call(() => this.options.onEnded?.(error));
  }
}
