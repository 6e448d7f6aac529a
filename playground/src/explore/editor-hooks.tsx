import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { useEditor } from '../shared/editor-context';
import type { TabRuns } from './tab-runs';

/**
 * Keeps `runs` informed of the editor's tabs. For a new tab, the editor would keep the Stop button
 * and the results of the tab before, so it is made to leave that tab, as it does after a click on
 * another one. The run of the opened tab is shown again.
 */
export function SyncTabs({ runs }: { runs: TabRuns }) {
  const all = useGraphiQL((state) => state.tabs);
  const index = useGraphiQL((state) => state.activeTabIndex);
  const { stop, run } = useGraphiQLActions();
  const last = useRef<string | null>(null);
  useLayoutEffect(() => {
    const left = last.current;
    const open = all[index]?.id ?? null;
    last.current = open;
    runs.setTabs({ open, all: all.map(({ id }) => id) });
    if (left === null || left === open) return;
    stop();
    runs.resume(run);
  }, [runs, all, index, stop, run]);
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

/**
 * Corrects the roles of the editor's tabs. It gives list items with two buttons the roles of a tab
 * list, which may not contain buttons and must support the arrow keys. A plain list that marks the
 * open tab describes them correctly.
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
        if (open && tab !== lastOpen) tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
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
