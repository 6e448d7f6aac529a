import { SessionAlertsDocument, type AlertFragment, type SessionAlertsSubscription } from '../gql/graphql';
import { serverClock } from './clock';
import { readableErrors } from './websocket';

/** Where a stream stands. `lost`: it broke, and is tried again. `refused`: trying again would not help. */
export type StreamState = 'connecting' | 'open' | 'lost' | 'completed' | 'refused';

export interface StreamSink {
  /** The subscription's next answer. */
  next(answer: { data?: SessionAlertsSubscription | null; errors?: readonly unknown[] }): void;
  error(failure: unknown): void;
  complete(): void;
  /** The server has taken the connection. */
  opened(): void;
}

/** Opens one socket for one subscription, and returns what closes it. */
export type Connect = (request: StreamRequest, sink: StreamSink) => () => void;

export interface StreamRequest {
  query: string;
  variables: { mobile?: string; after?: string };
}

export interface StreamHandlers {
  /** `replayed` where the alert was raised while the stream was cut off. */
  alert(alert: AlertFragment, replayed: boolean): void;
  state(state: StreamState, why: string | null): void;
}

interface Timer {
  set(run: () => void, milliseconds: number): unknown;
  clear(timer: unknown): void;
}

const browserTimer: Timer = {
  set: (run, milliseconds) => window.setTimeout(run, milliseconds),
  clear: (timer) => window.clearTimeout(timer as number),
};

/** The longest pause between two tries, in milliseconds. */
const longestPause = 8_000;

/** Hears a user's alerts once each and in order, over as many sockets as it takes. */
export class AlertStream {
  private close: (() => void) | null = null;
  private timer: unknown = null;
  private pause = 500;
  private openedAt = 0;
  private isOpen = false;
  /** Since when it was cut off last. Before it has been once, nothing was missed. */
  private cutSince = Infinity;

  constructor(
    private readonly connect: Connect,
    private readonly handlers: StreamHandlers,
    private readonly mobile: string | null,
    /** The last alert heard, from which the next socket goes on. */
    public after: string | null = null,
    private readonly timers: Timer = browserTimer,
  ) {}

  open() {
    this.shut();
    this.openedAt = serverClock.now();
    this.handlers.state('connecting', null);
    this.close = this.connect(this.request(), {
      opened: () => {
        this.pause = 500;
        this.isOpen = true;
        this.handlers.state('open', null);
      },
      next: ({ data, errors }) => {
        if (errors) return this.end('refused', readableErrors(errors));
        if (data) this.hear(data.sessionAlerts);
      },
      error: (failure) => this.fail(failure),
      complete: () => this.end('completed', null),
    });
  }

  /** Closes the socket. `open` goes on after the last alert heard. */
  stop() {
    this.cut(this.isOpen ? serverClock.now() : this.openedAt);
    this.shut();
  }

  /** What the next socket asks for. */
  request(): StreamRequest {
    const variables = {
      ...(this.mobile === null ? {} : { mobile: this.mobile }),
      ...(this.after === null ? {} : { after: this.after }),
    };
    return { query: String(SessionAlertsDocument), variables };
  }

  private shut() {
    if (this.timer !== null) this.timers.clear(this.timer);
    this.timer = null;
    const close = this.close;
    this.close = null;
    close?.();
  }

  private hear(alert: AlertFragment) {
    this.after = alert.id;
    const at = Date.parse(alert.createdAt);
    this.handlers.alert(alert, this.cutSince <= at && at < this.openedAt);
  }

  /** A try that failed only makes a cut longer. */
  private cut(since: number) {
    if (this.isOpen || this.cutSince === Infinity) this.cutSince = since;
    this.isOpen = false;
  }

  private fail(failure: unknown) {
    if (!this.close) return; // Closed here, on purpose.
    if (isFinal(failure)) return this.end('refused', readableErrors(failure));
    this.close = null;
    this.cut(this.openedAt); // It may have been deaf for long before that was noticed.
    this.handlers.state('lost', readableErrors(failure)[0]?.message ?? null);
    this.timer = this.timers.set(() => this.open(), this.pause);
    this.pause = Math.min(longestPause, this.pause * 2);
  }

  private end(state: StreamState, errors: readonly { message: string }[] | null) {
    if (!this.close) return;
    this.shut();
    this.handlers.state(state, errors?.map(({ message }) => message).join(' ') ?? null);
  }
}

/** GraphQL errors, and the protocol's own close codes: the next try would fail the same way. */
function isFinal(failure: unknown): boolean {
  if (Array.isArray(failure)) return true;
  const code = typeof failure === 'object' && failure !== null && 'code' in failure ? Number(failure.code) : 0;
  return code >= 4400 && code < 4500 && code !== 4408;
}
