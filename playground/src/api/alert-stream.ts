import { type AlertFragment, SessionAlertsDocument, type SessionAlertsSubscription } from '../gql/graphql';
import { type ReadLog, wholeLog } from './alert-log';
import { readableErrors } from './websocket';

/** Where a stream stands. `lost`: it broke, and is tried again. `refused`: trying again would not help. */
export type StreamState = 'connecting' | 'open' | 'lost' | 'completed' | 'refused';

export interface StreamSink {
  /** The subscription's next answer. */
  next(answer: { data?: SessionAlertsSubscription | null; errors?: readonly unknown[] }): void;
  error(failure: unknown): void;
  complete(): void;
  /** The server has taken the connection. It may not have come to the subscription yet. */
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

/** Whose alerts, and where they begin. */
export interface StreamSource {
  connect: Connect;
  readLog: ReadLog;
  /** Left out, the user whose session it is. */
  mobile?: string;
  /** The alert that the first socket goes on from; `null` where the log had none. Left out, the log's newest is asked for. */
  after?: string | null;
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

/**
 * Hears a user's alerts once each and in order, over as many sockets as it takes. The server does not say when it has
 * joined a subscription, so each goes on from an alert, and what came before it was joined follows. Where there was no
 * alert to go on from, the log itself tells of the first ones.
 */
export class AlertStream {
  /** The last alert heard, from which the next socket goes on. */
  after: string | null;
  private close: (() => void) | null = null;
  private timer: unknown = null;
  private pause = 500;
  /** Whether it is known from where in the log it hears. */
  private isPlaced: boolean;
  private wasCut = false;
  /** How far the log went when it was opened again. */
  private missedUpTo = 0;
  private heardUpTo = 0;
  /** What has come over the socket while the log is read. */
  private held: (() => void)[] | null = null;
  /** One more with each opening and closing: what an earlier one waited for is not this one's. */
  private turn = 0;

  constructor(
    private readonly source: StreamSource,
    private readonly handlers: StreamHandlers,
    private readonly timers: Timer = browserTimer,
  ) {
    this.after = source.after ?? null;
    this.isPlaced = source.after !== undefined;
  }

  open() {
    this.shut();
    this.handlers.state('connecting', null);
    if (this.isPlaced && !this.wasCut) return this.subscribe();
    this.readLog(this.isPlaced && this.after === null ? wholeLog : 1, (log) => {
      if (this.isPlaced) this.catchUp(log);
      else this.place(log);
      this.subscribe();
    });
  }

  /** Closes the socket. `open` goes on after the last alert heard. */
  stop() {
    this.wasCut = true;
    this.shut();
  }

  private request(): StreamRequest {
    const { mobile } = this.source;
    const variables = {
      ...(mobile === undefined ? {} : { mobile }),
      ...(this.after === null ? {} : { after: this.after }),
    };
    return { query: String(SessionAlertsDocument), variables };
  }

  private subscribe() {
    const { turn } = this;
    const pass = (run: () => void) => this.pass(turn, run);
    this.close = this.source.connect(this.request(), {
      opened: () => pass(() => this.opened()),
      next: ({ data, errors }) =>
        pass(() => {
          if (errors) return this.end('refused', readableErrors(errors));
          if (data) this.take(data.sessionAlerts);
        }),
      error: (failure) => pass(() => this.fail(failure)),
      complete: () => pass(() => this.end('completed', null)),
    });
  }

  /** Runs what the socket of `turn` brought, in its order, unless it is closed. */
  private pass(turn: number, run: () => void) {
    if (turn !== this.turn) return;
    if (this.held) this.held.push(run);
    else run();
  }

  private opened() {
    const tell = () => {
      this.pause = 500;
      this.handlers.state('open', null);
    };
    if (this.isFromStart()) this.fillGap(tell);
    else tell();
  }

  private take(alert: AlertFragment) {
    if (this.isFromStart() && alert.sequence > 1) this.fillGap(() => this.hear(alert));
    else this.hear(alert);
  }

  /** Whether whatever the log has was raised since. */
  private isFromStart(): boolean {
    return this.isPlaced && this.after === null;
  }

  /** Hears from the log what was raised before the server had joined the subscription. */
  private fillGap(then: () => void) {
    const { turn } = this;
    this.held = [];
    this.readLog(wholeLog, (log) => {
      this.hearAll(log);
      if (turn !== this.turn) return; // Closed by whoever heard it.
      const held = this.held ?? [];
      this.held = null;
      then();
      for (const run of held) this.pass(turn, run);
    });
  }

  private readLog(count: number, then: (log: readonly AlertFragment[] | null) => void) {
    const { turn } = this;
    void this.source.readLog(count).then(
      (log) => {
        if (turn === this.turn) then(log);
      },
      (failure: unknown) => {
        if (turn === this.turn) this.fail(failure);
      },
    );
  }

  /** Before this nothing was missed. */
  private place(log: readonly AlertFragment[] | null) {
    if (log === null) return; // It stays unknown.
    this.isPlaced = true;
    this.after = log[0]?.id ?? null;
    this.heardUpTo = log[0]?.sequence ?? 0;
  }

  private catchUp(log: readonly AlertFragment[] | null) {
    this.missedUpTo = log?.[0]?.sequence ?? 0;
    if (this.after === null) this.hearAll(log);
  }

  private hearAll(log: readonly AlertFragment[] | null) {
    for (const alert of log?.toReversed() ?? []) this.hear(alert);
  }

  private hear(alert: AlertFragment) {
    if (alert.sequence <= this.heardUpTo) return;
    this.isPlaced = true;
    this.heardUpTo = alert.sequence;
    this.after = alert.id;
    this.handlers.alert(alert, alert.sequence <= this.missedUpTo);
  }

  private shut() {
    this.turn += 1;
    this.held = null;
    if (this.timer !== null) this.timers.clear(this.timer);
    this.timer = null;
    const close = this.close;
    this.close = null;
    close?.();
  }

  private fail(failure: unknown) {
    if (isFinal(failure)) return this.end('refused', readableErrors(failure));
    this.shut();
    this.wasCut = true;
    this.handlers.state('lost', readableErrors(failure)[0]?.message ?? null);
    this.timer = this.timers.set(() => this.open(), this.pause);
    this.pause = Math.min(longestPause, this.pause * 2);
  }

  private end(state: StreamState, errors: readonly { message: string }[] | null) {
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
