import type { Runtime } from "./runtime.js";

export interface RetryOptions {
  /** The first delay in milliseconds. Default: 500. */
  min?: number;
  /** The largest delay in milliseconds, before it is varied by half. Default: 30,000. */
  max?: number;
}

/** Exponential backoff. Each delay is varied by half, so that not all devices return at once. */
export class Backoff {
  private readonly min: number;
  private readonly max: number;
  private failures = 0;

  constructor(
    { min = 500, max = 30_000 }: RetryOptions,
    private readonly runtime: Runtime,
  ) {
    this.min = min;
    this.max = max;
  }

  /** The next delay. `atLeast` is the time that the server asked for. */
  next(atLeast = 0): number {
    const delay = Math.min(this.max, this.min * 2 ** this.failures);
    this.failures += 1;
    return Math.max(atLeast, delay * (0.5 + this.runtime.random()));
  }

  /** A delay for a server that shuts down on purpose: short, and different for each device. */
  prompt(): number {
    return this.failures === 0 ? this.min * this.runtime.random() : this.next();
  }

  reset() {
    this.failures = 0;
  }
}
