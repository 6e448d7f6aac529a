/** Below this the difference may be the `Date` header's, which holds whole seconds. */
const unsure = 2_000;

/** Tells the server's time, which instants in its answers are measured by. */
export class ServerClock {
  private ahead = 0;

  constructor(private readonly local: () => number = Date.now) {}

  /** Takes note of a `Date` header that has just come. It was written after `asked`: a slow answer is no slow clock. */
  learn(date: string | null, asked: number) {
    const sent = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(sent)) return;
    const ahead = sent - this.local();
    const behind = asked - sent;
    this.ahead = ahead > unsure ? ahead : behind > unsure ? -behind : 0;
  }

  now(): number {
    return this.local() + this.ahead;
  }

  /** Milliseconds until `instant`, and 0 where it has passed. */
  until(instant: string): number {
    return Math.max(0, Date.parse(instant) - this.now());
  }
}

export const serverClock = new ServerClock();
