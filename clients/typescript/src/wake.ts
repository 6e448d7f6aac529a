import type { Runtime } from "./runtime.js";

/** The time between two looks at the clock, in milliseconds. */
const INTERVAL = 5_000;
/** If the clock has advanced by this much more than the interval, the machine slept. */
const SLEEP = 10_000;

/**
 * Calls `wake` when the machine wakes up, when its network is back, and when its page is shown
 * again. Returns a function that ends this.
 */
export function onWake(runtime: Runtime, wake: () => void): () => void {
  let before = runtime.now();
  let cancel: () => void;
  const look = () => {
    const now = runtime.now();
    const slept = now - before > INTERVAL + SLEEP;
    before = now;
    cancel = runtime.after(INTERVAL, look);
    if (slept) wake();
  };
  cancel = runtime.after(INTERVAL, look);

  const whenVisible = () => {
    if (document.visibilityState === "visible") wake();
  };
  const page = typeof window === "object" && typeof document === "object";
  if (page) {
    window.addEventListener("online", wake);
    window.addEventListener("pageshow", wake);
    document.addEventListener("visibilitychange", whenVisible);
  }
  return () => {
    cancel();
    if (!page) return;
    window.removeEventListener("online", wake);
    window.removeEventListener("pageshow", wake);
    document.removeEventListener("visibilitychange", whenVisible);
  };
}
