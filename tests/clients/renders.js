// The results that a watched query delivers to the screen, for the tests of caches.

/** Keeps every result of a watched query, and waits for results that match a condition. */
export function recordRenders() {
  const results = [];
  let rendered = () => {};
  return {
    /** The observer of the query. */
    record(result) {
      results.push(result);
      rendered();
    },
    /** Waits for the first result that `matches`, and returns its data. */
    async firstThat(matches) {
      while (!results.some(matches)) await new Promise((resolve) => (rendered = resolve));
      return results.find(matches).data;
    },
  };
}
