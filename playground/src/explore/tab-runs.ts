import type { Observable } from '@graphiql/toolkit';
import type { ExecutionResult } from 'graphql';
import type { Sink } from 'graphql-ws';

/** Which tabs the editor has, and which is open. */
export interface OpenTabs {
  open: string | null;
  all: readonly string[];
}

/** Hears what comes of a run. */
export type Answers = Sink<ExecutionResult>;

/**
 * What each tab has run last. The editor has one result pane, one Stop button and no more than one thing that runs, and
 * stops that when its tab is left. Here it goes on, and is shown again when its tab is.
 */
export class TabRuns {
  private tabs: OpenTabs = { open: null, all: [] };
  private readonly last = new Map<string | null, TabRun>();
  private resumed: TabRun | null = null;

  /** Begins a run in the open tab, which takes the place of the tab's last one. `begin` returns what ends it. */
  run(begin: (answers: Answers) => () => void): Observable<ExecutionResult> {
    if (this.resumed) return this.shown(this.resumed);
    const run = new TabRun(this.tabs.open);
    this.last.get(run.tab)?.stop();
    this.last.set(run.tab, run);
    run.begin(begin);
    return this.shown(run);
  }

  /** Takes note of the editor's tabs. What was run in one that is no more ends with it. */
  note(tabs: OpenTabs) {
    this.tabs = tabs;
    for (const [tab, run] of this.last) {
      if (tab !== null && tabs.all.includes(tab)) continue;
      this.last.delete(tab);
      run.stop();
    }
  }

  /** Where the open tab's run goes on, or has more to show, `rerun` makes the editor run it: nothing is sent again. */
  resume(rerun: () => void) {
    const run = this.last.get(this.tabs.open);
    if (!run?.hasMore) return;
    this.resumed = run;
    rerun();
    this.resumed = null;
  }

  private shown(run: TabRun): Observable<ExecutionResult> {
    const subscribe = (pane: Answers) => {
      run.showIn(pane);
      return { unsubscribe: () => this.left(run) };
    };
    return { subscribe } as Observable<ExecutionResult>;
  }

  /** The editor gives up a run when it is told to stop, and when another tab is opened, which it says a moment later. */
  private left(run: TabRun) {
    run.showIn(null);
    setTimeout(() => {
      if (run.tab === this.tabs.open && !run.isShown) run.stop();
    });
  }
}

class TabRun {
  private pane: Answers | null = null;
  private latest: ((pane: Answers) => void) | null = null;
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

  begin(begin: (answers: Answers) => () => void) {
    this.end = begin({
      next: (answer) => this.hear((pane) => pane.next(answer)),
      error: (error) => {
        this.hear((pane) => pane.error(error));
        this.isOver = true;
      },
      complete: () => {
        this.isOver = true;
        this.pane?.complete();
      },
    });
  }

  showIn(pane: Answers | null) {
    this.pane = pane;
    // The editor takes note of what it subscribed to once this has returned.
    queueMicrotask(() => {
      if (pane === null || this.pane !== pane) return;
      this.latest?.(pane);
      this.isLatestShown = true;
      if (this.isOver) pane.complete();
    });
  }

  stop() {
    this.isOver = true;
    this.isLatestShown = true;
    this.end();
  }

  private hear(latest: (pane: Answers) => void) {
    if (this.isOver) return;
    this.latest = latest;
    this.isLatestShown = this.isShown;
    if (this.pane) latest(this.pane);
  }
}
