import { beforeEach, expect, test, vi } from 'vitest';
import { type ResultSink, TabRuns } from './tab-runs';

/** The contents of the editor's result pane. */
let pane: string[];
let running: { unsubscribe(): void } | null;
let started: { sink: ResultSink; end: ReturnType<typeof vi.fn> }[];
let runs: TabRuns;

beforeEach(() => {
  pane = [];
  running = null;
  started = [];
  runs = new TabRuns();
  runs.setTabs({ open: 'a', all: ['a', 'b'] });
});

function run() {
  const observable = runs.run((sink) => {
    const end = vi.fn();
    started.push({ sink, end });
    return end;
  });
  running = observable.subscribe({
    next: ({ data }) => pane.push(String(data)),
    error: (error) => pane.push(`error ${error}`),
    complete: () => (running = null),
  });
}

/** Acts as the editor when another tab is clicked. */
function open(tab: string) {
  running?.unsubscribe();
  running = null;
  pane = [];
  runs.setTabs({ open: tab, all: ['a', 'b'] });
  runs.resume(run);
}

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

const deliver = (data: unknown) => started[0]?.sink.next({ data } as never);

test('when its tab is left, a run continues, and shows its latest result in that tab only', async () => {
  run();
  deliver(1);
  expect(pane).toEqual(['1']);
  open('b');
  await nextTask();
  deliver(2);
  deliver(3);
  expect(pane).toEqual([]);
  open('a');
  await nextTask();
  expect(pane).toEqual(['3']);
  deliver(4);
  expect(pane).toEqual(['3', '4']);
  expect(started).toHaveLength(1);
  expect(started[0]?.end).not.toHaveBeenCalled();
});

test('a run that ends while its tab is left shows its result once', async () => {
  run();
  open('b');
  deliver(1);
  started[0]?.sink.complete();
  open('a');
  await nextTask();
  expect(pane).toEqual(['1']);
  expect(running).toBe(null);
  open('b');
  open('a');
  await nextTask();
  expect(pane).toEqual([]); // The editor itself keeps the results that it has shown.
});

test('a run that fails while its tab is left shows the error', async () => {
  run();
  open('b');
  started[0]?.sink.error('4401');
  open('a');
  await nextTask();
  expect(pane).toEqual(['error 4401']);
  expect(running).toBe(null);
});

test('a run that is stopped ends, and shows no more results', async () => {
  run();
  running?.unsubscribe();
  await nextTask();
  expect(started[0]?.end).toHaveBeenCalledOnce();
  deliver(1);
  open('b');
  open('a');
  await nextTask();
  expect(pane).toEqual([]);
});

test('a tab’s next run stops its earlier one, and no run of another tab', async () => {
  run();
  open('b');
  run();
  await nextTask();
  expect(started.map(({ end }) => end.mock.calls.length)).toEqual([0, 0]);
  run();
  expect(started.map(({ end }) => end.mock.calls.length)).toEqual([0, 1, 0]);
});

test('the run of a tab that is closed ends', async () => {
  run();
  open('b');
  await nextTask();
  runs.setTabs({ open: 'b', all: ['b'] });
  expect(started[0]?.end).toHaveBeenCalledOnce();
});
