import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { useEditor } from '../shared/editor-context';
import { type FoundState, fillVariables } from './findings';
import type { TabRuns } from './tab-runs';
import { authorizationOf, type Headers } from './websocket';

/**
 * Passes the editor's tabs to `runs`, and shows the run of the opened tab again. It first calls
 * `stop`, as the editor itself does when another tab is clicked: for a new tab, the editor would
 * otherwise keep the Stop button and the result of the previous tab.
 */
export function SyncTabs({ runs }: { runs: TabRuns }) {
  const tabs = useGraphiQL((state) => state.tabs);
  const index = useGraphiQL((state) => state.activeTabIndex);
  const { stop, run } = useGraphiQLActions();
  const lastOpen = useRef<string | null>(null);
  useLayoutEffect(() => {
    const previous = lastOpen.current;
    const open = tabs[index]?.id ?? null;
    lastOpen.current = open;
    runs.setTabs({ open, all: tabs.map(({ id }) => id) });
    if (previous === null || previous === open) return;
    stop();
    runs.resume(run);
  }, [runs, tabs, index, stop, run]);
  return null;
}

/**
 * Shows the open tab in the editor once that is loaded. If the visitor opens another tab before, the
 * editor would show the operation of the first tab, and run it.
 */
export function ShowOpenTab() {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]);
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const latest = useRef(tab);
  useLayoutEffect(() => {
    latest.current = tab;
  });
  useLayoutEffect(() => {
    const wanted = latest.current?.query ?? '';
    if (query && query.getValue() !== wanted) query.setValue(wanted);
  }, [query]);
  useLayoutEffect(() => {
    const wanted = latest.current?.variables ?? '';
    if (variables && variables.getValue() !== wanted) variables.setValue(wanted);
  }, [variables]);
  return null;
}

/** Opens a requested operation in a new tab. */
export function OpenRequest() {
  const { request } = useEditor();
  const { addTab } = useGraphiQLActions();
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const opened = useRef(0);
  useEffect(() => {
    if (!request || !query || !variables || opened.current === request.number) return;
    opened.current = request.number;
    addTab();
    query.setValue(request.operation);
    variables.setValue(JSON.stringify(request.variables, null, 2));
  }, [request, query, variables, addTab]);
  return null;
}

/** Fills the ids that responses contain into the variables of the open tab. */
export function FillVariables({ ids }: { ids: FoundState['ids'] }) {
  const variables = useGraphiQL((state) => state.variableEditor);
  const index = useGraphiQL((state) => state.activeTabIndex);
  const filled = useRef(new Set<string>());
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab has other variables.
  useEffect(() => {
    if (!variables) return;
    const text = fillVariables(variables.getValue(), ids, filled.current);
    for (const id of Object.values(ids)) filled.current.add(id);
    if (text !== null) variables.setValue(text);
  }, [variables, index, ids]);
  return null;
}

/** Reports the Authorization header of the Headers pane, which takes precedence; null if none. */
export function WatchHeaders({ onChange }: { onChange: (authorization: string | null) => void }) {
  const headers = useGraphiQL((state) => state.headerEditor);
  useEffect(() => {
    if (!headers) return;
    const report = () => onChange(authorizationIn(headers.getValue()));
    report();
    const listener = headers.onDidChangeModelContent(report);
    return () => listener.dispose();
  }, [headers, onChange]);
  return null;
}

function authorizationIn(text: string): string | null {
  try {
    const value = authorizationOf(JSON.parse(text) as Headers);
    return value === undefined ? null : String(value);
  } catch {
    return null; // The visitor is still writing.
  }
}

/**
 * Corrects the roles of the editor's tabs. The editor gives the role of a tab to items that contain
 * two buttons. A tab may not contain buttons, and a tab list must support the arrow keys. A plain
 * list that marks the open tab is correct.
 */
export function AccessibleTabs() {
  useEffect(() => {
    const list = document.querySelector('.graphiql-container [role="tablist"]');
    if (!list) return;
    let lastOpen: Element | null = null;
    const correct = () => {
      list.setAttribute('role', 'list');
      for (const tab of list.children) {
        const open = tab.classList.contains('graphiql-tab-active');
        tab.setAttribute('role', 'listitem');
        tab.removeAttribute('aria-selected');
        tab.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', String(open));
        if (open && tab !== lastOpen) scrollTo(list, tab);
        if (open) lastOpen = tab;
      }
    };
    correct();
    const observer = new MutationObserver(correct);
    observer.observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
    return () => observer.disconnect();
  }, []);
  return null;
}

/** Scrolls the list of tabs sideways until the tab is in view. `scrollIntoView` would scroll the page too. */
function scrollTo(list: Element, tab: Element) {
  const [outer, inner] = [list.getBoundingClientRect(), tab.getBoundingClientRect()];
  if (inner.left < outer.left) list.scrollLeft -= outer.left - inner.left;
  else if (inner.right > outer.right) list.scrollLeft += inner.right - outer.right;
}
