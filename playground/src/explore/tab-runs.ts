import type { Observable } from '@graphiql/toolkit';
import type { ExecutionResult } from 'graphql';
import type { Sink } from 'graphql-ws';

/** The tabs of the editor. */
export interface Tabs {
  open: string | null;
  all: readonly string[];
}

/** Receives the results of a run. */
export type ResultSink = Sink<ExecutionResult>;

/**
 * Keeps the latest run of each tab. The editor has one result pane and runs one operation at a
 * time, which it stops when its tab is left. Here the run continues, and its latest result is shown
 * again when its tab is opened.
 */
export class TabRuns {
  private tabs: Tabs = { open: null, all: [] };
  private readonly latest = new Map<string | null, TabRun>();
  private resumed: TabRun | null = null;

  /**
   * Starts a run in the open tab, and stops the tab's earlier one. `start` returns a function that
   * stops the run.
   */
  run(start: (sink: ResultSink) => () => void): Observable<ExecutionResult> {
    if (this.resumed) return this.observe(this.resumed);
    const run = new TabRun(this.tabs.open);
    this.latest.get(run.tab)?.stop();
    this.latest.set(run.tab, run);
    run.start(start);
    return this.observe(run);
  }

  /** Updates the list of tabs, and stops the runs of closed ones. */
  setTabs(tabs: Tabs) {
    this.tabs = tabs;
    for (const [tab, run] of this.latest) {
      if (tab !== null && tabs.all.includes(tab)) continue;
      this.latest.delete(tab);
      run.stop();
    }
  }

  /**
   * Shows the open tab's run again if it is still running or has an unseen result. `rerun` must
   * make the editor run its operation. The editor then gets this run, and no request is sent.
   */
  resume(rerun: () => void) {
    const run = this.latest.get(this.tabs.open);
    if (!run?.hasMore) return;
    this.resumed = run;
    rerun();
    this.resumed = null;
  }

  private observe(run: TabRun): Observable<ExecutionResult> {
    const subscribe = (pane: ResultSink) => {
      run.showIn(pane);
      return { unsubscribe: () => this.onUnsubscribe(run) };
    };
    return { subscribe } as Observable<ExecutionResult>;
  }

  /**
   * The editor unsubscribes when the visitor stops the run, and when another tab is opened. It
   * reports the other tab only afterwards, so the two cases are distinguished in a later task.
   */
  private onUnsubscribe(run: TabRun) {
    run.showIn(null);
    setTimeout(() => {
      if (run.tab === this.tabs.open && !run.isShown) run.stop();
    });
  }
}

class TabRun {
  private pane: ResultSink | null = null;
  /** Sends the latest result to a pane. */
  private showLatest: ((pane: ResultSink) => void) | null = null;
  private isLatestShown = true;
  private isOver = false;
  private end: () => void = () => undefined;

  constructor(readonly tab: string | null) {}

  get isShown(): boolean {
    return this.pane !== null;
  }

  get hasMore(): boolean {
    return !this.isOver || !this.isLatestShown;
  }

  start(start: (sink: ResultSink) => () => void) {
    this.end = start({
      next: (result) => this.deliver((pane) => pane.next(result)),
      error: (error) => {
        this.deliver((pane) => pane.error(error));
        this.isOver = true;
      },
      complete: () => {
        this.isOver = true;
        this.pane?.complete();
      },
    });
  }

  showIn(pane: ResultSink | null) {
    this.pane = pane;
    // The editor stores the subscription only after `subscribe` has returned. Results must not
    // arrive before that.
    queueMicrotask(() => {
      if (pane === null || this.pane !== pane) return;
      this.showLatest?.(pane);
      this.isLatestShown = true;
      if (this.isOver) pane.complete();
    });
  }

  stop() {
    this.isOver = true;
    this.isLatestShown = true;
    this.end();
  }

  private deliver(show: (pane: ResultSink) => void) {
    if (this.isOver) return;
    this.showLatest = show;
    this.isLatestShown = this.isShown;
    if (this.pane) show(this.pane);
  }
}
