/** What became of a subscription. `running` from the server's first word on. */
export type RunState = 'connecting' | 'running' | 'completed' | 'stopped' | 'failed';

export interface Run {
  id: number;
  /** The operation's name. */
  name: string;
  /** Whose token or key it carries. */
  as: string;
  state: RunState;
  /** How many answers it has had. */
  count: number;
}

export type EventStatus = 'started' | 'connected' | 'event' | 'error' | 'completed' | 'stopped' | 'failed';

export interface LoggedEvent {
  id: number;
  run: number;
  at: number;
  status: EventStatus;
  /** The answer's place among its subscription's, from 1; `null` for what is no answer. */
  number: number | null;
  /** What came, or why it ended. */
  payload: unknown;
}

export interface LogState {
  /** Newest first. */
  runs: readonly Run[];
  /** Newest first. */
  events: readonly LoggedEvent[];
}

/** Earlier events are forgotten. */
export const longestLog = 200;

const states: Partial<Record<EventStatus, RunState>> = {
  connected: 'running',
  completed: 'completed',
  stopped: 'stopped',
  failed: 'failed',
};

/** Every answer of every subscription that was started here, with its time: the editor shows the latest only. */
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

  /** Logs a new subscription, which `stop` ends. */
  start(name: string, as: string, stop: () => void): number {
    const id = this.freshId();
    this.stops.set(id, stop);
    const runs = [{ id, name, as, state: 'connecting' as const, count: 0 }, ...this.state.runs];
    this.state = { ...this.state, runs };
    this.add(id, 'started', null);
    return id;
  }

  add(run: number, status: EventStatus, payload: unknown) {
    const known = this.state.runs.find(({ id }) => id === run);
    if (!known || isOver(known)) return;
    const isAnswer = status === 'event' || status === 'error';
    const count = known.count + (isAnswer ? 1 : 0);
    const state = states[status] ?? known.state;
    const event = { id: this.freshId(), run, at: this.now(), status, number: isAnswer ? count : null, payload };
    this.change({
      runs: this.state.runs.map((other) => (other.id === run ? { ...other, count, state } : other)),
      events: [event, ...this.state.events].slice(0, longestLog),
    });
    if (isOver({ state })) this.stops.delete(run);
  }

  stop(run: number) {
    const stop = this.stops.get(run);
    this.add(run, 'stopped', null);
    stop?.();
  }

  /** Forgets what is over. */
  clear() {
    const runs = this.state.runs.filter((run) => !isOver(run));
    this.change({ runs, events: [] });
  }

  private change(state: LogState) {
    this.state = state;
    for (const listener of this.listeners) listener();
  }

  private freshId(): number {
    this.lastId += 1;
    return this.lastId;
  }
}

export function isOver({ state }: Pick<Run, 'state'>): boolean {
  return state === 'completed' || state === 'stopped' || state === 'failed';
}

/** What the badge says: of the subscriptions that run, or of the last one that did. */
export function badge({ runs }: LogState): { says: string; tone: 'good' | 'warning' | 'bad' | 'plain' } {
  const running = runs.filter(({ state }) => state === 'running').length;
  if (running > 0) return { says: `Connected, ${running} running`, tone: 'good' };
  if (runs.some(({ state }) => state === 'connecting')) return { says: 'Connecting', tone: 'warning' };
  if (runs[0]?.state === 'failed') return { says: 'Connection failed', tone: 'bad' };
  return { says: 'No subscription', tone: 'plain' };
}
