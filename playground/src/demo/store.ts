import type { Tone } from '../ui/alert-kinds';
import { newDemoUser } from './demo-user';
import type { PhoneId } from './devices';
import { type DemoState, newPhone, type Phone } from './model';
import { type Entry, type NewEntry, withEntry } from './timeline';

export function newDemoState(): DemoState {
  return {
    user: newDemoUser(),
    registered: false,
    asksToSignUp: null,
    asksToFreeze: null,
    policy: 'REJECT',
    ifAway: null,
    frozen: false,
    phones: { 1: newPhone(1), 2: newPhone(2) },
    timeline: [],
    requestsOf: 1,
  };
}

/** Holds the state of the demo, and calls its listeners on each change. */
export class DemoStore {
  private state = newDemoState();
  private readonly listeners = new Set<() => void>();
  private lastId = 0;

  readonly read = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  change(change: (state: DemoState) => Partial<DemoState>) {
    this.state = { ...this.state, ...change(this.state) };
    for (const listener of this.listeners) listener();
  }

  changePhone(id: PhoneId, change: (phone: Phone) => Partial<Phone>) {
    this.change(({ phones }) => ({ phones: { ...phones, [id]: { ...phones[id], ...change(phones[id]) } } }));
  }

  /** Adds an entry to the end of the timeline, and returns its id. */
  addEntry(entry: NewEntry): number {
    const added = { ...entry, id: this.nextId() } as Entry;
    this.change(({ timeline }) => ({ timeline: withEntry(timeline, added) }));
    return added.id;
  }

  /** Sets the outcome of a request in the timeline. */
  setOutcome(id: number, outcome: { outcome: string; tone: Tone }) {
    this.change(({ timeline }) => ({
      timeline: timeline.map((entry) => (entry.id === id ? ({ ...entry, ...outcome } as Entry) : entry)),
    }));
  }

  nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  reset() {
    this.change(newDemoState);
  }
}
