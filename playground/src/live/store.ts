import type { Tone } from '../ui/alert-kinds';
import { newDemoUser } from './demo-user';
import type { PhoneId } from './devices';
import { type Entry, longestTimeline, newPhone, type Phone, type StoryState } from './model';

export function newStory(): StoryState {
  return {
    user: newDemoUser(),
    registered: false,
    policy: 'REJECT',
    phones: { 1: newPhone(1), 2: newPhone(2) },
    timeline: [],
    strangers: 0,
  };
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id' | 'at'> : never;

/** Holds the story, and tells whoever draws it of each change. */
export class StoryStore {
  private state = newStory();
  private readonly listeners = new Set<() => void>();
  private lastId = 0;

  readonly read = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  change(change: (state: StoryState) => Partial<StoryState>) {
    this.state = { ...this.state, ...change(this.state) };
    for (const listener of this.listeners) listener();
  }

  changePhone(id: PhoneId, change: (phone: Phone) => Partial<Phone>) {
    this.change(({ phones }) => ({ phones: { ...phones, [id]: { ...phones[id], ...change(phones[id]) } } }));
  }

  /** Adds what has just happened to the timeline, and returns its id. */
  tell(entry: WithoutId<Entry>, at: number): number {
    const added = { ...entry, id: this.freshId(), at } as Entry;
    this.change(({ timeline }) => ({ timeline: [added, ...timeline].slice(0, longestTimeline) }));
    return added.id;
  }

  /** Completes a request that the timeline tells of. */
  amend(id: number, outcome: { outcome: string; tone: Tone }) {
    this.change(({ timeline }) => ({
      timeline: timeline.map((entry) => (entry.id === id ? ({ ...entry, ...outcome } as Entry) : entry)),
    }));
  }

  freshId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  reset() {
    this.change(newStory);
  }
}
