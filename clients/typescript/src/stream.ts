import { Backoff, type RetryOptions } from "./backoff.js";
import { asError, fromGraphQL, type GraphQLError, type SessiondError } from "./errors.js";
import type { Runtime } from "./runtime.js";
import type { Close, Connection, StreamRequest, StreamResult, Transport } from "./transport/types.js";
import { onWake } from "./wake.js";

/**
 * `waiting`: the connection is lost, and the next attempt follows in `retryInMs`. `closed`: there is
 * no further attempt.
 */
export type ConnectionState =
  | { state: "connecting" }
  | { state: "open" }
  | { state: "waiting"; retryInMs: number; error: SessiondError }
  | { state: "closed" };

export interface StreamOptions {
  transport: Transport;
  runtime: Runtime;
  retry: RetryOptions;
  /** Prepares each connection. A temporary error is retried, and another one ends the stream. */
  request(): Promise<StreamRequest>;
  onData(data: Record<string, unknown>): void;
  onConnection(state: ConnectionState): void;
  /**
   * Called if the stream ended: without an error if it completed. Returns true to connect again, or a
   * number to do so after at least as many milliseconds. A temporary error that it throws is retried.
   */
  onEnd(error: SessiondError | null): Promise<boolean | number>;
  /** Called last, unless `stop` was called. `failure` is the error of `onEnd`, if that failed for good. */
  onFinish(failure: SessiondError | null): void;
  /** Stops the stream. */
  signal?: AbortSignal | undefined;
}

/** A connection that was open for this time is stable, so the next failure is a new one. */
const STABLE_AFTER_MS = 10_000;

/** One subscription over as many connections as needed, one after the other. */
export class Stream {
  private readonly backoff: Backoff;
  private connection: Connection | null = null;
  private cancelTimer: () => void = () => undefined;
  private readonly stopWatching: () => void;
  private readonly onAbort = () => this.stop();
  private stopped = false;
  private isWaiting = false;
  /** Changes with each attempt, so that nothing of an earlier one has an effect. */
  private attempt = 0;

  constructor(private readonly options: StreamOptions) {
    this.backoff = new Backoff(options.retry, options.runtime);
    this.stopWatching = onWake(options.runtime, () => this.wake());
    this.connect();
    options.signal?.addEventListener("abort", this.onAbort);
    if (options.signal?.aborted) this.stop();
  }

  /** Closes the connection for good. No callback is called afterward. */
  stop() {
    this.stopped = true;
    this.attempt += 1;
    this.stopWatching();
    this.options.signal?.removeEventListener("abort", this.onAbort);
    this.closeConnection();
  }

  private connect() {
    this.closeConnection();
    this.isWaiting = false;
    this.attempt += 1;
    const { attempt } = this;
    this.options.onConnection({ state: "connecting" });
    this.options.request().then(
      (request) => this.ifCurrent(attempt, () => this.open(request)),
      (problem) => this.ifCurrent(attempt, () => this.refused(asError(problem))),
    );
  }

  private refused(error: SessiondError) {
    if (error.isTemporary) this.wait(error);
    else this.ended(error);
  }

  private open(request: StreamRequest) {
    const { attempt } = this;
    // A constructor that throws, for example for a wrong URL, must not end the stream silently.
    try {
      this.connection = this.options.transport(request, {
        opened: () => this.ifCurrent(attempt, () => this.opened()),
        next: (result) => this.ifCurrent(attempt, () => this.next(result)),
        closed: (close) => this.ifCurrent(attempt, () => this.closed(close)),
      });
    } catch (problem) {
      this.refused(asError(problem));
    }
  }

  private opened() {
    this.cancelTimer = this.options.runtime.after(STABLE_AFTER_MS, () => this.backoff.reset());
    this.options.onConnection({ state: "open" });
  }

  private next({ data, errors }: StreamResult) {
    if (errors) {
      this.closeConnection();
      this.refused(fromGraphQL(errors as GraphQLError[]));
    } else if (data) {
      this.backoff.reset();
      this.options.onData(data);
    }
  }

  private closed(close: Close) {
    this.closeConnection();
    if (close.kind === "lost") this.wait(close.error, close.prompt);
    else this.ended(close.kind === "refused" ? close.error : null);
  }

  private ended(error: SessiondError | null) {
    const { attempt } = this;
    this.options.onEnd(error).then(
      (again) => this.ifCurrent(attempt, () => this.continue(again, error ?? lost())),
      (problem) => this.ifCurrent(attempt, () => this.failed(asError(problem))),
    );
  }

  private continue(again: boolean | number, error: SessiondError) {
    if (again === false) this.finish();
    else this.wait(error, false, again === true ? 0 : again);
  }

  private failed(error: SessiondError) {
    if (error.isTemporary) this.wait(error);
    else this.finish(error);
  }

  private finish(failure: SessiondError | null = null) {
    this.stop();
    this.options.onConnection({ state: "closed" });
    this.options.onFinish(failure);
  }

  private wait(error: SessiondError, prompt = false, pause = 0) {
    const atLeast = Math.max(pause, (error.retryAfterSeconds ?? 0) * 1000);
    const retryInMs = Math.round(prompt ? this.backoff.prompt() : this.backoff.next(atLeast));
    this.isWaiting = true;
    this.cancelTimer();
    this.cancelTimer = this.options.runtime.after(retryInMs, () => this.connect());
    this.options.onConnection({ state: "waiting", retryInMs, error });
  }

  /** The machine woke up, or its network changed: a wait is over, and an open connection may be dead. */
  private wake() {
    if (this.isWaiting) this.connect();
    else this.connection?.probe();
  }

  private ifCurrent(attempt: number, run: () => void) {
    if (!this.stopped && attempt === this.attempt) run();
  }

  private closeConnection() {
    this.cancelTimer();
    this.connection?.close();
    this.connection = null;
  }
}

function lost() {
  return asError("the stream ended although the session is valid");
}
