/** A smaller difference may come from the `Date` header, which has whole seconds. */
const MIN_SKEW_MS = 2_000;

/** Estimates the server's time, which the instants in its responses refer to. */
export class ServerClock {
  /** How far the server's clock is ahead of the browser's, in milliseconds. */
  private skew = 0;

  constructor(private readonly local: () => number = Date.now) {}

  /**
   * Updates the estimate with the `Date` header of a response that has just arrived. The server
   * wrote it after `sentAt`, so a slow response does not count as a clock that is behind.
   */
  update(date: string | null, sentAt: number) {
    const written = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(written)) return;
    const ahead = written - this.local();
    const behind = sentAt - written;
    this.skew = ahead > MIN_SKEW_MS ? ahead : behind > MIN_SKEW_MS ? -behind : 0;
  }

  now(): number {
    return this.local() + this.skew;
  }

  /** Milliseconds until `instant`; 0 if it has passed. */
  until(instant: string): number {
    return Math.max(0, Date.parse(instant) - this.now());
  }
}

export const serverClock = new ServerClock();
