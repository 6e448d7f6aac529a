/** The state of a subscription. It is `running` after the server has accepted the connection. */
export type RunState = 'connecting' | 'running' | 'completed' | 'stopped' | 'failed';

export interface Run {
  id: number;
  /** The operation's name. */
  name: string;
  /** The label of the identity that started it. */
  identity: string;
  state: RunState;
  /** The number of results that it has received. */
  count: number;
}

export type EventStatus = 'started' | 'connected' | 'event' | 'error' | 'completed' | 'stopped' | 'failed';

export interface LoggedEvent {
  id: number;
  run: number;
  at: number;
  status: EventStatus;
  /** The number of the result in its subscription, from 1; `null` if the event is not a result. */
  number: number | null;
  /** The result, or the reason for the end. */
  payload: unknown;
}

export interface LogState {
  /** Newest first. */
  runs: readonly Run[];
  /** Newest first. */
  events: readonly LoggedEvent[];
}

/** Older events are dropped. */
export const MAX_EVENTS = 200;

const states: Partial<Record<EventStatus, RunState>> = {
  connected: 'running',
  completed: 'completed',
  stopped: 'stopped',
  failed: 'failed',
};

/**
 * Keeps every result of every subscription with its time. The editor shows only the latest result.
 */
export class EventLog {
  private state: LogState = { runs: [], events: [] };
  private readonly listeners = new Set<() => void>();
  private readonly stops = new Map<number, () => void>();
  private lastId = 0;

  constructor(private readonly now: () => number = Date.now) {}

  readonly read = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Logs a new subscription, and returns its id. `stop` must end the subscription. */
  start(name: string, identity: string, stop: () => void): number {
    const id = this.nextId();
    this.stops.set(id, stop);
    const runs = [{ id, name, identity, state: 'connecting' as const, count: 0 }, ...this.state.runs];
    this.state = { ...this.state, runs };
    this.add(id, 'started', null);
    return id;
  }

  add(run: number, status: EventStatus, payload: unknown) {
    const known = this.state.runs.find(({ id }) => id === run);
    if (!known || isOver(known)) return;
    const isResult = status === 'event' || status === 'error';
    const count = known.count + (isResult ? 1 : 0);
    const state = states[status] ?? known.state;
    const event = { id: this.nextId(), run, at: this.now(), status, number: isResult ? count : null, payload };
    this.change({
      runs: this.state.runs.map((other) => (other.id === run ? { ...other, count, state } : other)),
      events: [event, ...this.state.events].slice(0, MAX_EVENTS),
    });
    if (isOver({ state })) this.stops.delete(run);
  }

  stop(run: number) {
    const stop = this.stops.get(run);
    this.add(run, 'stopped', null);
    stop?.();
  }

  /** Removes all events, and the subscriptions that are over. */
  clear() {
    const runs = this.state.runs.filter((run) => !isOver(run));
    this.change({ runs, events: [] });
  }

  private change(state: LogState) {
    this.state = state;
    for (const listener of this.listeners) listener();
  }

  private nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }
}

export function isOver({ state }: Pick<Run, 'state'>): boolean {
  return state === 'completed' || state === 'stopped' || state === 'failed';
}

/** The badge for the running subscriptions. If none is running, it is for the latest one. */
export function badge({ runs }: LogState): { label: string; tone: 'good' | 'warning' | 'bad' | 'plain' } {
  const running = runs.filter(({ state }) => state === 'running').length;
  if (running > 0) return { label: `Connected, ${running} running`, tone: 'good' };
  if (runs.some(({ state }) => state === 'connecting')) return { label: 'Connecting', tone: 'warning' };
  if (runs[0]?.state === 'failed') return { label: 'Connection failed', tone: 'bad' };
  return { label: 'No subscription', tone: 'plain' };
}
