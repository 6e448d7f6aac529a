/** Calls a callback of the app. Its error is the app's: it is reported, and the stream goes on. */
export function call(run: () => void) {
  try {
    run();
  } catch (problem) {
    queueMicrotask(() => {
      throw problem;
    });
  }
}
