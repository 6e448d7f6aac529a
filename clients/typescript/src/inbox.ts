import type { Client } from "./client.js";
import { SessiondError } from "./errors.js";
import type { Listening } from "./listen.js";
import type { ConnectionState } from "./stream.js";
import type { Alert, Decision, Ended, Session } from "./types.js";

/** What an app shows of its session and its alerts. A new object after each change. */
export interface InboxState {
  /** `none`: there is no token, or no session of the cookie. `pending`: the login waits for approval. */
  status: "loading" | "none" | "pending" | "active" | "ended";
  session: Session | null;
  /** The newest alerts, oldest first: at most 50. */
  alerts: readonly Alert[];
  /** The `LOGIN_PENDING` alerts that nobody has decided yet, oldest first. */
  questions: readonly Alert[];
  connection: ConnectionState;
  /** Why the session ended. */
  ended: Ended | null;
}

const MAX_ALERTS = 50;
const EMPTY: Omit<InboxState, "status"> = {
  session: null,
  alerts: [],
  questions: [],
  connection: { state: "closed" },
  ended: null,
};

const inboxes = new WeakMap<Client, Inbox>();

/** The inbox of a client. Hooks and elements of one client share it, and so one connection. */
export function inboxOf(client: Client): Inbox {
  const inbox = inboxes.get(client) ?? new Inbox(client);
  inboxes.set(client, inbox);
  return inbox;
}

/**
 * Follows the session and the alerts of a client while somebody is subscribed. It begins with the
 * alerts at the end of the log, so that a question is shown after a reload too.
 */
export class Inbox {
  private state: InboxState;
  private readonly subscribers = new Set<() => void>();
  private readonly alertSubscribers = new Set<(alert: Alert) => void>();
  private readonly decided = new Set<string>();
  private listening: Listening | null = null;
  private cursor: string | null = null;
  /** The client's generation that the state belongs to. */
  private login: number;
  private stopWatching: () => void = () => undefined;
  /** Changes with each listener, so that a late response for an earlier one has no effect. */
  private generation = 0;

  constructor(private readonly client: Client) {
    this.login = client.generation;
    this.state = { ...EMPTY, status: client.mayHaveSession ? "loading" : "none" };
  }

  /** The present state. The same object until something changes. */
  readonly getSnapshot = (): InboxState => this.state;

  /** Calls `changed` after each change of the state. Returns a function that ends this. */
  readonly subscribe = (changed: () => void): (() => void) => {
    this.subscribers.add(changed);
    if (this.subscribers.size === 1) this.start();
    return () => {
      if (this.subscribers.delete(changed) && this.subscribers.size === 0) this.stop();
    };
  };

  /** Calls `receive` with each alert that arrives from now on, each once, while somebody is subscribed. */
  readonly onAlert = (receive: (alert: Alert) => void): (() => void) => {
    this.alertSubscribers.add(receive);
    return () => this.alertSubscribers.delete(receive);
  };

  /** Decides a question. It is no longer shown, also if somebody else has decided it before. */
  async decide(attemptId: string, decision: Decision, matchNumber?: number | null): Promise<void> {
    try {
      await this.client.decide(attemptId, decision, { matchNumber });
    } catch (problem) {
      if (problem instanceof SessiondError && problem.code === "NOT_FOUND") this.markDecided(attemptId);
      throw problem;
    }
    this.markDecided(attemptId);
  }

  /** Reads the session again. The request counts as activity. */
  async refresh(): Promise<void> {
    const { login } = this;
    const session = await this.client.currentSession();
    if (login === this.login && session) this.change({ session, status: statusOf(session) });
  }

  private start() {
    this.stopWatching = this.client.onTokenChange(() => this.restart());
    if (this.login === this.client.generation) this.listen();
    else this.restart();
  }

  private stop() {
    this.stopWatching();
    this.stopListening();
  }

  private stopListening() {
    this.generation += 1;
    this.listening?.stop();
    this.listening = null;
  }

  /** The client has another token, so nothing of the former session is shown. */
  private restart() {
    this.stopListening();
    this.cursor = null;
    this.decided.clear();
    this.login = this.client.generation;
    this.change({ ...EMPTY, status: this.client.mayHaveSession ? "loading" : "none" });
    this.listen();
  }

  private listen() {
    if (!this.client.mayHaveSession || this.state.ended) return;
    this.listening = this.client.listen({
      after: async () => this.cursor ?? this.load(),
      onAlert: (alert) => this.receive(alert),
      onConnection: (connection) => this.change({ connection }),
      onEnded: (ended) => this.end(ended),
    });
  }

  private end(ended: Ended) {
    // A page without a cookie learns this from the server.
    const isNone = this.client.usesCookie && ended.reason === "UNKNOWN_TOKEN" && this.state.session === null;
    const status = isNone ? "none" : "ended";
    this.change({ ended, session: ended.session ?? this.state.session, status, questions: [] });
  }

  private async load(): Promise<string> {
    const { generation } = this;
    const { alerts, cursor } = await this.client.recentAlerts(MAX_ALERTS);
    await this.refresh();
    if (generation === this.generation) {
      this.cursor = cursor;
      this.show(alerts);
    }
    return cursor;
  }

  private receive(alert: Alert) {
    this.cursor = alert.id;
    this.show([...this.state.alerts, alert].slice(-MAX_ALERTS));
    const isOwn = alert.session?.sessionKey === this.state.session?.sessionKey;
    // A failed read changes nothing: the end of the session is also received as such.
    if (isOwn && alert.kind === "LOGIN_APPROVED") void this.refresh().catch(() => undefined);
    for (const receive of [...this.alertSubscribers]) receive(alert);
  }

  private markDecided(attemptId: string) {
    this.decided.add(attemptId);
    this.show(this.state.alerts);
  }

  private show(alerts: readonly Alert[]) {
    const known = new Set(alerts.map(({ attempt }) => attempt?.id));
    for (const id of this.decided) if (!known.has(id)) this.decided.delete(id);
    this.change({ alerts, questions: questionsIn(alerts, this.decided) });
  }

  private change(changes: Partial<InboxState>) {
    this.state = { ...this.state, ...changes };
    for (const changed of [...this.subscribers]) changed();
  }
}

function statusOf({ status }: Session): InboxState["status"] {
  if (status === "ACTIVE") return "active";
  return status === "PENDING" ? "pending" : "ended";
}

/** The questions without a later decision. If a device asked again, its latest question. */
export function questionsIn(alerts: readonly Alert[], decided: ReadonlySet<string>): readonly Alert[] {
  const open = new Map<string, Alert>();
  for (const alert of alerts) {
    const id = alert.attempt?.id;
    if (id === undefined) continue;
    open.delete(id);
    if (alert.kind === "LOGIN_PENDING" && !decided.has(id)) open.set(id, alert);
  }
  return [...open.values()];
}
