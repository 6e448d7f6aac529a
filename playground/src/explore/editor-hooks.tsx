import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { useEditor } from '../shared/editor-context';
import type { TabRuns } from './tab-runs';

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
