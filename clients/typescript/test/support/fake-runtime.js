// A clock that only moves when a test moves it, and a random number that a test chooses.

export class FakeRuntime {
  time = 1_000_000;
  timers = [];
  randomness = 0.5;

  now = () => this.time;
  random = () => this.randomness;
  after = (milliseconds, run) => {
    const timer = { at: this.time + milliseconds, run };
    this.timers.push(timer);
    return () => this.remove(timer);
  };

  /** Moves the clock, and runs the timers that are due in their order. */
  advance(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const [next] = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.remove(next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }

  /** The machine sleeps: the clock moves on, and timers run late, all at the end. */
  sleep(milliseconds) {
    this.time += milliseconds;
    this.advance(0);
  }

  remove(timer) {
    this.timers = this.timers.filter((other) => other !== timer);
  }
}

/** Lets the promises that are settled already run their callbacks. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
