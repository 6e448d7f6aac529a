import type { Listening } from '@sessiond/client';
import { type AlertOptions, type StreamState, stateCallbacks } from '../api/listen';
import type { AlertFragment } from '../gql/graphql';

export interface StreamSource {
  listen(options: AlertOptions): Listening;
  /** The user's `alertCursor`. The stream delivers every alert after it. */
  after: string;
  /** Reads the number of the newest alert, or 0 if it is unknown. */
  newestSequence(): Promise<number>;
}

export interface StreamHandlers {
  /** The stream connects, and asks for the alerts after `after`. */
  subscribed(after: string): void;
  /** `replayed` is true if the alert was raised before the stream reconnected. */
  alert(alert: AlertFragment, replayed: boolean): void;
  state(state: StreamState, reason: string | null): void;
}

/** The alerts of a phone that may be disconnected for a time. It knows which ones it missed meanwhile. */
export class PhoneStream {
  private listening: Listening | null = null;
  /** The last alert that was delivered. */
  private after: string;
  private wasDisconnected = false;
  /** Alerts up to this number were raised before the stream reconnected. */
  private replayedUpTo = 0;
  /** The alerts that wait until the newest one is known; `null` if none has to wait. */
  private waiting: AlertFragment[] | null = null;

  constructor(
    private readonly source: StreamSource,
    private readonly handlers: StreamHandlers,
  ) {
    this.after = source.after;
  }

  /** Starts after the last alert that was delivered. */
  open() {
    this.close();
    const { onConnection, onEnded } = stateCallbacks((state, reason) => this.onState(state, reason));
    this.listening = this.source.listen({
      after: this.after,
      onAlert: (alert) => this.receive(alert),
      onConnection,
      onEnded,
    });
  }

  /** Disconnects. `open` continues after the last alert that was delivered. */
  stop() {
    this.wasDisconnected = true;
    this.close();
  }

  private close() {
    this.listening?.stop();
    this.listening = null;
    this.waiting = null;
  }

  private onState(state: StreamState, reason: string | null) {
    if (state === 'completed' || state === 'refused') this.deliverWaiting();
    this.handlers.state(state, reason);
    if (state === 'lost') this.wasDisconnected = true;
    if (state !== 'connecting') return;
    this.handlers.subscribed(this.listening?.cursor ?? this.after);
    if (this.wasDisconnected) this.readNewest();
  }

  private readNewest() {
    // A new list, so that the response for an earlier connection is ignored.
    const waiting = [...(this.waiting ?? [])];
    this.waiting = waiting;
    void this.source.newestSequence().then((sequence) => {
      if (this.waiting !== waiting) return;
      this.replayedUpTo = sequence;
      this.deliverWaiting();
    });
  }

  private receive(alert: AlertFragment) {
    if (this.waiting) this.waiting.push(alert);
    else this.deliver(alert);
  }

  private deliverWaiting() {
    const alerts = this.waiting ?? [];
    this.waiting = null;
    for (const alert of alerts) this.deliver(alert);
  }

  private deliver(alert: AlertFragment) {
    this.after = alert.id;
    this.handlers.alert(alert, alert.sequence <= this.replayedUpTo);
  }
}
