import { type AlertFragment, SessionAlertsDocument, type SessionAlertsSubscription } from '../gql/graphql';
import { readableErrors } from './websocket';

/**
 * `lost`: the connection broke, and the stream retries. `refused`: a retry would fail in the same
 * way.
 */
export type StreamState = 'connecting' | 'open' | 'lost' | 'completed' | 'refused';

export interface StreamSink {
  /** Receives each result of the subscription. */
  next(result: { data?: SessionAlertsSubscription | null; errors?: readonly unknown[] }): void;
  error(failure: unknown): void;
  complete(): void;
  /** The server has accepted the connection. It may not have started the subscription yet. */
  opened(): void;
}

/** Opens one socket for one subscription, and returns a function that closes it. */
export type Connect = (request: StreamRequest, sink: StreamSink) => () => void;

export interface StreamRequest {
  query: string;
  variables: { mobile?: string; after: string };
}

export interface StreamHandlers {
  /** `replayed` is true if the alert was raised before the stream reconnected. */
  alert(alert: AlertFragment, replayed: boolean): void;
  state(state: StreamState, reason: string | null): void;
}

export interface StreamSource {
  connect: Connect;
  /** The mobile number of the user to follow. Default: the user of the session. */
  mobile?: string;
  /**
   * The user's `alertCursor`, or the `id` of an alert. The stream delivers every alert after it.
   */
  after: string;
  /**
   * Reads the number of the newest alert, or 0 if it is unknown. Without it, no alert is marked as
   * replayed.
   */
  newestSequence?(): Promise<number>;
}

interface Timer {
  set(run: () => void, milliseconds: number): unknown;
  clear(timer: unknown): void;
}

const browserTimer: Timer = {
  set: (run, milliseconds) => window.setTimeout(run, milliseconds),
  clear: (timer) => window.clearTimeout(timer as number),
};

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8_000;

/**
 * Delivers a user's alerts in order, each exactly once, over as many sockets as needed. Each socket
 * starts after the last alert that was received, so the server also sends the alerts that were raised while
 * no socket was open.
 */
export class AlertStream {
  /** The start position of the next socket. */
  after: string;
  private close: (() => void) | null = null;
  private timer: unknown = null;
  private backoff = MIN_BACKOFF_MS;
  private wasDisconnected = false;
  /** Alerts up to this number were raised before the stream reconnected. */
  private replayedUpTo = 0;
  /**
   * Changes whenever a socket is opened or closed, so that callbacks of an earlier one are ignored.
   */
  private generation = 0;

  constructor(
    private readonly source: StreamSource,
    private readonly handlers: StreamHandlers,
    private readonly timers: Timer = browserTimer,
  ) {
    this.after = source.after;
  }

  open() {
    this.closeSocket();
    this.handlers.state('connecting', null);
    const { newestSequence } = this.source;
    if (!this.wasDisconnected || !newestSequence) return this.subscribe();
    const { generation } = this;
    void newestSequence().then((sequence) => {
      if (generation !== this.generation) return;
      this.replayedUpTo = sequence;
      this.subscribe();
    });
  }

  /** Closes the socket. `open` continues after the last alert that was received. */
  stop() {
    this.wasDisconnected = true;
    this.closeSocket();
  }

  private request(): StreamRequest {
    const { mobile } = this.source;
    const { after } = this;
    return { query: String(SessionAlertsDocument), variables: mobile === undefined ? { after } : { mobile, after } };
  }

  private subscribe() {
    const { generation } = this;
    const ifCurrent = (run: () => void) => {
      if (generation === this.generation) run();
    };
    this.close = this.source.connect(this.request(), {
      opened: () => ifCurrent(() => this.onOpen()),
      next: ({ data, errors }) =>
        ifCurrent(() => {
          if (errors) return this.end('refused', readableErrors(errors));
          if (data) this.deliver(data.sessionAlerts);
        }),
      error: (failure) => ifCurrent(() => this.onFailure(failure)),
      complete: () => ifCurrent(() => this.end('completed', null)),
    });
  }

  private onOpen() {
    this.backoff = MIN_BACKOFF_MS;
    this.handlers.state('open', null);
  }

  private deliver(alert: AlertFragment) {
    this.after = alert.id;
    this.handlers.alert(alert, alert.sequence <= this.replayedUpTo);
  }

  private closeSocket() {
    this.generation += 1;
    if (this.timer !== null) this.timers.clear(this.timer);
    this.timer = null;
    const close = this.close;
    this.close = null;
    close?.();
  }

  private onFailure(failure: unknown) {
    if (isFinal(failure)) return this.end('refused', readableErrors(failure));
    this.stop();
    this.handlers.state('lost', readableErrors(failure)[0]?.message ?? null);
    this.timer = this.timers.set(() => this.open(), this.backoff);
    this.backoff = Math.min(MAX_BACKOFF_MS, this.backoff * 2);
  }

  private end(state: StreamState, errors: readonly { message: string }[] | null) {
    this.closeSocket();
    this.handlers.state(state, errors?.map(({ message }) => message).join(' ') ?? null);
  }
}

/**
 * Whether a retry would fail in the same way: GraphQL errors, and the close codes of
 * graphql-transport-ws.
 */
function isFinal(failure: unknown): boolean {
  if (Array.isArray(failure)) return true;
  const code = typeof failure === 'object' && failure !== null && 'code' in failure ? Number(failure.code) : 0;
  const initializationTimeout = 4408; // A retry may be faster.
  return code >= 4400 && code < 4500 && code !== initializationTimeout;
}
