import { beforeEach, expect, test, vi } from 'vitest';
import { type Answers, TabRuns } from './tab-runs';

/** The one result pane of the editor. */
let pane: string[];
let running: { unsubscribe(): void } | null;
let begun: { answers: Answers; end: ReturnType<typeof vi.fn> }[];
let runs: TabRuns;

beforeEach(() => {
  pane = [];
  running = null;
  begun = [];
  runs = new TabRuns();
  runs.note({ open: 'a', all: ['a', 'b'] });
});

function run() {
  const observable = runs.run((answers) => {
    const end = vi.fn();
    begun.push({ answers, end });
    return end;
  });
  running = observable.subscribe({
    next: ({ data }) => pane.push(String(data)),
    error: (error) => pane.push(`error ${error}`),
    complete: () => (running = null),
  });
}

/** What the editor does where another tab is clicked. */
function open(tab: string) {
  running?.unsubscribe();
  running = null;
  pane = [];
  runs.note({ open: tab, all: ['a', 'b'] });
  runs.resume(run);
}

const moment = () => new Promise((resolve) => setTimeout(resolve));

const answer = (data: unknown) => begun[0]?.answers.next({ data } as never);

test('left, a tab’s run goes on, and shows its latest in that tab only', async () => {
  run();
  answer(1);
  expect(pane).toEqual(['1']);
  open('b');
  await moment();
  answer(2);
  answer(3);
  expect(pane).toEqual([]);
  open('a');
  await moment();
  expect(pane).toEqual(['3']);
  answer(4);
  expect(pane).toEqual(['3', '4']);
  expect(begun).toHaveLength(1);
  expect(begun[0]?.end).not.toHaveBeenCalled();
});

test('over while its tab was left, a run shows how it ended, once', async () => {
  run();
  open('b');
  answer(1);
  begun[0]?.answers.complete();
  open('a');
  await moment();
  expect(pane).toEqual(['1']);
  expect(running).toBe(null);
  open('b');
  open('a');
  await moment();
  expect(pane).toEqual([]); // The editor itself keeps what it has shown.
});

test('failed while its tab was left, a run shows why', async () => {
  run();
  open('b');
  begun[0]?.answers.error('4401');
  open('a');
  await moment();
  expect(pane).toEqual(['error 4401']);
  expect(running).toBe(null);
});

test('stopped, a run ends, and is heard no more', async () => {
  run();
  running?.unsubscribe();
  await moment();
  expect(begun[0]?.end).toHaveBeenCalledOnce();
  answer(1);
  open('b');
  open('a');
  await moment();
  expect(pane).toEqual([]);
});

test('a tab’s next run takes the place of its last, and of no other tab’s', async () => {
  run();
  open('b');
  run();
  await moment();
  expect(begun.map(({ end }) => end.mock.calls.length)).toEqual([0, 0]);
  run();
  expect(begun.map(({ end }) => end.mock.calls.length)).toEqual([0, 1, 0]);
});

test('a tab that is closed takes its run along', async () => {
  run();
  open('b');
  await moment();
  runs.note({ open: 'b', all: ['b'] });
  expect(begun[0]?.end).toHaveBeenCalledOnce();
});
