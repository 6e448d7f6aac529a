import { Backoff, type RetryOptions } from "../backoff.js";
import type { SessiondError } from "../errors.js";
import type { Operation } from "../operation.js";
import type { Runtime } from "../runtime.js";
import { type ConnectionState, Stream } from "../stream.js";
import { type HttpOptions, post } from "../transport/http.js";
import type { Transport } from "../transport/types.js";
import type { SessionCache } from "./cache.js";

// These texts are not generated, so that the package works with servers that have no feed.
const EVENT_CURSOR = "{eventCursor}" as Operation<{ eventCursor: string }, Record<string, never>>;
const EVENTS = "subscription Events($after:ID){sessionEvents(after:$after){cursor kind sessionKey userId}}";

interface SessionEvent {
  cursor: string;
  kind: "SESSION_ACTIVE" | "SESSION_ENDED" | "USER_DELETED" | "CAUGHT_UP" | (string & {});
  sessionKey: string | null;
  userId: string | null;
}

/** A refused feed is asked for more and more seldom, up to this many times the largest delay. */
const REFUSED_FACTOR = 12;

export interface FeedOptions {
  http: HttpOptions;
  transport: Transport;
  runtime: Runtime;
  retry: RetryOptions;
  key: string;
  cache: SessionCache;
  onConnection(state: ConnectionState): void;
  /**
   * The server has no feed, or refuses it to this key. The checker goes on without it, and asks again
   * later. Called once until the feed has worked.
   */
  onRefused(error: SessiondError): void;
}

/** Follows the sessions of all users, and removes from the cache what has ended. It adds nothing. */
export class Feed {
  private readonly stream: Stream;
  private cursor: string | null = null;
  private isCaughtUp = false;
  private isRefused = false;
  /** The delays after the server refused the feed. */
  private readonly refusals: Backoff;
  /** Every check that began at or after this time is covered by the feed. */
  startedAt = Number.POSITIVE_INFINITY;
  /** The feed knows every end of a session up to this time. */
  currentAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: FeedOptions) {
    const { transport, runtime, retry, key } = options;
    this.refusals = new Backoff({ ...retry, max: (retry.max ?? 5_000) * REFUSED_FACTOR }, runtime);
    this.stream = new Stream({
      transport,
      runtime,
      retry,
      request: async () => {
        this.isCaughtUp = false;
        this.cursor ??= await this.start();
        return { query: EVENTS, variables: { after: this.cursor }, token: key };
      },
      onData: ({ sessionEvents }) => this.receive(sessionEvents as SessionEvent),
      onConnection: options.onConnection,
      onEnd: async (error) => this.ended(error),
      onFinish: () => undefined, // The feed ends only with the checker.
    });
  }

  stop() {
    this.stream.stop();
  }

  private async start(): Promise<string> {
    const { http, runtime, key } = this.options;
    const startedAt = runtime.now();
    const { eventCursor } = await post(http, EVENT_CURSOR, {}, { token: key });
    this.startedAt = startedAt;
    return eventCursor;
  }

  private receive({ cursor, kind, sessionKey, userId }: SessionEvent) {
    const { cache, runtime } = this.options;
    this.cursor = cursor;
    this.isRefused = false;
    this.refusals.reset();
    if (kind === "SESSION_ENDED" && sessionKey) cache.removeSession(sessionKey);
    else if (kind === "USER_DELETED" && userId) cache.removeUser(userId);
    else if (kind === "CAUGHT_UP") this.isCaughtUp = true;
    if (this.isCaughtUp) this.currentAt = runtime.now();
  }

  /** Returns how long to wait at least before the next attempt. */
  private ended(error: SessiondError | null): number {
    if (error === null) return 0;
    // What happened since the cursor is unknown, so no check from before it counts.
    this.cursor = null;
    this.startedAt = Number.POSITIVE_INFINITY;
    this.options.cache.clear();
    if (error.code === "CURSOR_EXPIRED") return 0;
    if (!this.isRefused) this.options.onRefused(error);
    this.isRefused = true;
    return this.refusals.next();
  }
}
