import type { RetryOptions } from "./backoff.js";
import { call } from "./callback.js";
import { SessiondError } from "./errors.js";
import { ALERT_CURSOR, ALERTS, CURRENT_SESSION, USER_ALERT_CURSOR } from "./generated/operations.js";
import type { Operation } from "./operation.js";
import type { Position } from "./position.js";
import type { Runtime } from "./runtime.js";
import { type ConnectionState, Stream } from "./stream.js";
import { type HttpOptions, post } from "./transport/http.js";
import type { StreamRequest, Transport } from "./transport/types.js";
import type { Alert, Ended } from "./types.js";

/** The fields of an alert that a listener needs. */
export type AlertPosition = Pick<Alert, "id" | "sequence">;

export interface ListenOptions<Received extends AlertPosition = Alert> {
  /**
   * The `id` of the last alert that was handled, or an `alertCursor`, or a function that reads one.
   * The function is called again if it fails with a temporary error. Default: after the last alert
   * that this client has received, or else after its login. A client that was created with a token
   * starts with the next alert.
   */
  after?: string | (() => Promise<string>) | undefined;
  /** The user to follow, if the token is a service key. */
  mobile?: string | undefined;
  /**
   * The app's own text of the subscription, for other fields of an alert. It selects at least `id` and
   * `sequence`, and has the variables `$after: ID` and, if `mobile` is given, `$mobile: String`.
   */
  query?: string | Operation<{ sessionAlerts: Received }, AlertVariables> | undefined;
  /** Receives each alert once, in the order of the log. */
  onAlert?(alert: Received): void;
  /** Called once, when the session has ended or the server refuses to send alerts. */
  onEnded?(ended: Ended): void;
  onConnection?(state: ConnectionState): void;
  /** Stops listening. */
  signal?: AbortSignal | undefined;
}

export interface AlertVariables {
  after: string;
  mobile?: string;
}

export interface Listening {
  /** The position after the last alert. Store it to continue there later. Null before the start. */
  readonly cursor: string | null;
  stop(): void;
}

/** What a listener needs of its client. */
export interface ListenContext {
  http: HttpOptions;
  transport: Transport;
  runtime: Runtime;
  retry: RetryOptions;
  /** Null if the cookie has it. */
  token: string | null;
  start(): Promise<Position>;
  /** Called after each alert was handed to `onAlert`. */
  advanced(position: Position): void;
}

/** Follows a log of alerts until its session ends. */
export class Listener<Received extends AlertPosition = Alert> implements Listening {
  private position: Position | null = null;
  private ended: Ended | null = null;
  private readonly stream: Stream;

  constructor(
    private readonly context: ListenContext,
    private readonly options: ListenOptions<Received>,
  ) {
    const { transport, runtime, retry } = context;
    this.stream = new Stream({
      transport,
      runtime,
      retry,
      request: () => this.request(),
      onData: (data) => this.receive(data.sessionAlerts as Received),
      onConnection: (state) => call(() => options.onConnection?.(state)),
      onEnd: (error) => this.endOfStream(error),
      onFinish: (failure) => this.end(failure),
      signal: options.signal,
    });
  }

  get cursor(): string | null {
    return this.position?.cursor ?? null;
  }

  stop() {
    this.stream.stop();
  }

  private async request(): Promise<StreamRequest> {
    this.position ??= await this.context.start();
    const { mobile, query = ALERTS } = this.options;
    const after = this.position.cursor;
    return {
      query,
      variables: mobile === undefined ? { after } : { after, mobile },
      token: this.context.token,
    };
  }

  private receive(alert: Received) {
    // The server sends each alert once. This holds even if a proxy repeated a part of the stream.
    if (this.position && alert.sequence <= this.position.sequence) return;
    this.position = { cursor: alert.id, sequence: alert.sequence };
    call(() => this.options.onAlert?.(alert));
    this.context.advanced(this.position);
  }

  /** Finds out why the stream ended, and returns true if the session goes on. */
  private async endOfStream(error: SessiondError | null): Promise<boolean> {
    if (error && error.code !== "UNAUTHENTICATED") {
      this.ended = { reason: "FAILED", session: null, error };
      return false;
    }
    const { http, token } = this.context;
    const { currentSession } = await post(http, CURRENT_SESSION, {}, { token });
    if (currentSession && currentSession.status !== "ENDED") return true;
    this.ended = { reason: currentSession?.endReason ?? "UNKNOWN_TOKEN", session: currentSession, error };
    return false;
  }

  private end(failure: SessiondError | null) {
    const ended = this.ended ?? { reason: "FAILED", session: null, error: failure };
    call(() => this.options.onEnded?.(ended));
  }
}

/** The present end of the log, for a listener without another start. */
export async function endOfLog(http: HttpOptions, token: string | null, mobile: string | undefined): Promise<Position> {
  const user =
    mobile === undefined
      ? (await post(http, ALERT_CURSOR, {}, { token })).currentSession?.user
      : (await post(http, USER_ALERT_CURSOR, { mobile }, { token })).user;
  if (!user) throw new SessiondError("UNAUTHENTICATED", "The token opens no session, or the user does not exist.");
  return { cursor: user.alertCursor, sequence: 0 };
}
