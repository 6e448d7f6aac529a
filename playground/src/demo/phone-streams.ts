import type { Listening } from '@sessiond/client';
import { serverClock } from '../api/clock';
import { readable } from '../api/document';
import type { StreamState } from '../api/listen';
import { type AlertFragment, SessionAlertsDocument } from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import { type PhoneId, phoneIds } from './devices';
import { withAlert, withExchange } from './model';
import { PhoneStream, type StreamSource } from './phone-stream';
import type { DemoStore } from './store';
import { withAlertEntry } from './timeline';

export interface PhoneStreamHandlers {
  /** The phone's own session may have changed. */
  sessionMayHaveChanged(id: PhoneId): void;
  /** A login waits for this phone's decision. */
  loginPending(id: PhoneId, alert: AlertFragment): void;
}

/** Whether the session that the alert names has changed. */
function changesSession({ kind }: AlertFragment): boolean {
  return kind !== 'LOGIN_REFUSED' && kind !== 'LOGIN_PENDING';
}

/**
 * The alert stream of each phone, and the page's own, which shows the alerts that no phone
 * receives.
 */
export class PhoneStreams {
  private readonly streams = new Map<PhoneId, PhoneStream>();
  private pageStream: Listening | null = null;

  constructor(
    private readonly store: DemoStore,
    private readonly handlers: PhoneStreamHandlers,
  ) {}

  /**
   * Adds every alert of the user to the timeline. A second call, with another credential, closes the
   * stream of the first one and continues after its last alert.
   */
  followAll(source: Pick<StreamSource, 'listen' | 'after'>, mobile: string) {
    this.pageStream?.stop();
    const onAlert = (received: AlertFragment) => this.addToTimeline(received, null);
    const after = this.pageStream?.cursor ?? source.after;
    this.pageStream = source.listen({ mobile, after, onAlert });
  }

  /** Opens the stream of a phone, and closes its earlier one. */
  start(id: PhoneId, source: StreamSource, secret: string) {
    this.stop(id);
    let exchange = 0;
    let latest: AlertFragment | null = null;
    const stream = new PhoneStream(source, {
      subscribed: (after) => {
        exchange = this.addExchange(id, { after }, secret, latest);
      },
      alert: (alert, replayed) => {
        latest = alert;
        this.onAlert(id, alert, replayed);
        this.setResponse(id, exchange, { data: { sessionAlerts: alert } });
      },
      state: (state, reason) => this.onState(id, state, reason),
    });
    this.streams.set(id, stream);
    stream.open();
  }

  stop(id: PhoneId) {
    this.streams.get(id)?.stop();
  }

  /** Opens a phone's stream again after `stop`. */
  resume(id: PhoneId) {
    this.streams.get(id)?.open();
  }

  stopAll() {
    for (const id of phoneIds) this.stop(id);
    this.streams.clear();
    this.pageStream?.stop();
    this.pageStream = null;
  }

  private onAlert(id: PhoneId, alert: AlertFragment, replayed: boolean) {
    this.store.changePhone(id, (phone) => withAlert(phone, alert, replayed));
    this.addToTimeline(alert, { phone: id, how: replayed ? 'replayed' : 'live' });
    if (alert.kind === 'LOGIN_PENDING') this.handlers.loginPending(id, alert);
    const isOwn = alert.session?.sessionKey === this.store.read().phones[id].sessionKey;
    if (isOwn && changesSession(alert)) this.handlers.sessionMayHaveChanged(id);
  }

  private addToTimeline(alert: AlertFragment, receipt: { phone: PhoneId; how: 'live' | 'replayed' } | null) {
    const position = { id: this.store.nextId(), now: performance.now() };
    this.store.change(({ timeline }) => ({ timeline: withAlertEntry(timeline, alert, receipt, position) }));
  }

  /** Shows the subscription among the requests of the phone. */
  private addExchange(id: PhoneId, variables: object, secret: string, latest: AlertFragment | null): number {
    const exchange = {
      id: this.store.nextId(),
      name: 'SessionAlerts',
      operation: readable(SessionAlertsDocument),
      variables,
      response: latest ? { data: { sessionAlerts: latest } } : null,
      failed: false,
      byVisitor: false,
      secret,
      identity: 'phone' as const,
      sentAs: 'as the device, over a WebSocket',
    };
    this.store.changePhone(id, (phone) => withExchange(phone, exchange));
    return exchange.id;
  }

  private setResponse(id: PhoneId, exchange: number, response: unknown) {
    this.store.changePhone(id, ({ exchanges }) => ({
      exchanges: exchanges.map((known) => (known.id === exchange ? { ...known, response } : known)),
    }));
  }

  private onState(id: PhoneId, state: StreamState, reason: string | null) {
    this.store.changePhone(id, () => ({ stream: state }));
    const addNote = (text: string, tone: Tone, failures = 0) =>
      this.store.addEntry({ type: 'note', phone: id, text, tone, failures, at: serverClock.now() });
    if (state === 'open') addNote('listens for alerts', 'good');
    if (state === 'lost') addNote(`lost the connection and tries again. ${reason ?? ''}`.trim(), 'warning', 1);
    if (state === 'refused') addNote(`can no longer listen for alerts. ${reason ?? ''}`.trim(), 'warning');
    if (state === 'completed') addNote('received the end of its stream: the session is over', 'plain');
    if (state === 'completed' || state === 'refused') this.handlers.sessionMayHaveChanged(id);
  }
}
