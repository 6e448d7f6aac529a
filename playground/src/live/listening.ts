import {
  AlertStream,
  type Connect,
  type StreamRequest,
  type StreamSource,
  type StreamState,
} from '../api/alert-stream';
import { serverClock } from '../api/clock';
import { readable } from '../api/document';
import type { AlertFragment } from '../gql/graphql';
import { type PhoneId, phoneIds } from './devices';
import { alertPassed, withAlert, withExchange } from './model';
import type { StoryStore } from './store';

/** What follows from what a phone hears. */
export interface Consequences {
  /** The phone's own session may have changed. */
  sessionMayHaveChanged(id: PhoneId): void;
  /** A login waits for this phone's answer. */
  loginWaits(id: PhoneId, alert: AlertFragment): void;
}

/** Whether an alert says something new of the session that it names. */
function changesSession({ kind }: AlertFragment): boolean {
  return kind !== 'LOGIN_REFUSED' && kind !== 'LOGIN_PENDING';
}

/** The phones' streams, and the page's own, which sees what passes while a phone is away. */
export class Listening {
  private readonly streams = new Map<PhoneId, AlertStream>();
  private watch: AlertStream | null = null;

  constructor(
    private readonly store: StoryStore,
    private readonly consequences: Consequences,
  ) {}

  /** Follows every alert of the user, where the page may. */
  watchAll(source: StreamSource) {
    this.watch?.stop();
    const passed = (alert: AlertFragment) => this.passed(alert, null);
    this.watch = new AlertStream(source, { alert: passed, state: () => undefined });
    this.watch.open();
  }

  /** Listens, once the phone is not cut off. */
  start(id: PhoneId, source: StreamSource, secret: string) {
    this.forget(id);
    let exchange = 0;
    let latest: AlertFragment | null = null;
    const connect: Connect = (request, sink) => {
      exchange = this.note(id, request, secret, latest);
      return source.connect(request, sink);
    };
    const stream = new AlertStream(
      { ...source, connect },
      {
        alert: (alert, replayed) => {
          latest = alert;
          this.hear(id, alert, replayed);
          this.answer(id, exchange, { data: { sessionAlerts: alert } });
        },
        state: (state, why) => this.moved(id, state, why),
      },
    );
    this.streams.set(id, stream);
    if (this.store.read().phones[id].stream === 'away') stream.stop();
    else stream.open();
  }

  stop(id: PhoneId) {
    this.streams.get(id)?.stop();
  }

  /** Ends the stream of a token that the phone no longer holds. */
  forget(id: PhoneId) {
    this.stop(id);
    this.streams.delete(id);
  }

  isReady(id: PhoneId): boolean {
    return this.streams.has(id);
  }

  lastHeard(id: PhoneId): string | null {
    return this.streams.get(id)?.after ?? null;
  }

  /** Opens a phone's stream again. */
  resume(id: PhoneId) {
    this.streams.get(id)?.open();
  }

  stopAll() {
    for (const id of phoneIds) this.stop(id);
    this.streams.clear();
    this.watch?.stop();
    this.watch = null;
  }

  private hear(id: PhoneId, alert: AlertFragment, replayed: boolean) {
    this.store.changePhone(id, (phone) => withAlert(phone, alert, replayed));
    this.passed(alert, { phone: id, how: replayed ? 'replayed' : 'live' });
    if (alert.kind === 'LOGIN_PENDING') this.consequences.loginWaits(id, alert);
    const own = alert.session.sessionKey === this.store.read().phones[id].sessionKey;
    if (own && changesSession(alert)) this.consequences.sessionMayHaveChanged(id);
  }

  private passed(alert: AlertFragment, heard: { phone: PhoneId; how: 'live' | 'replayed' } | null) {
    const entry = { id: this.store.freshId() };
    this.store.change(({ timeline }) => ({ timeline: alertPassed(timeline, alert, heard, entry) }));
  }

  /** Shows the subscription among what the phone sent. */
  private note(id: PhoneId, { query, variables }: StreamRequest, secret: string, latest: AlertFragment | null): number {
    const exchange = {
      id: this.store.freshId(),
      name: 'SessionAlerts',
      operation: readable(query),
      variables,
      answer: latest ? { data: { sessionAlerts: latest } } : null,
      failed: false,
      secret,
      as: 'with its token, over a WebSocket',
    };
    this.store.changePhone(id, (phone) => withExchange(phone, exchange, false));
    return exchange.id;
  }

  private answer(id: PhoneId, exchange: number, answer: unknown) {
    this.store.changePhone(id, ({ exchanges }) => ({
      exchanges: exchanges.map((known) => (known.id === exchange ? { ...known, answer } : known)),
    }));
  }

  private moved(id: PhoneId, state: StreamState, why: string | null) {
    this.store.changePhone(id, () => ({ stream: state }));
    const tell = (text: string, tone: 'good' | 'warning' | 'plain') =>
      this.store.tell({ type: 'note', phone: id, text, tone }, serverClock.now());
    if (state === 'open') tell('listens for alerts', 'good');
    if (state === 'lost') tell(`lost the connection, and tries again. ${why ?? ''}`.trim(), 'warning');
    if (state === 'refused') tell(`may not listen any more. ${why ?? ''}`.trim(), 'warning');
    if (state === 'completed') tell('heard its stream complete: the session is over', 'plain');
    if (state === 'completed' || state === 'refused') this.consequences.sessionMayHaveChanged(id);
  }
}
