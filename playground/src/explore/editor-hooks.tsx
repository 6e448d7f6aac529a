import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { useHandover } from '../shell/handover';
import type { TabRuns } from './tab-runs';

/**
 * Tells `runs` of the editor's tabs. A new tab would go on with the Stop button and the answers of the one that was
 * left: that one is left as a click on another tab leaves it. What an opened tab has run is shown again.
 */
export function TabWatch({ runs }: { runs: TabRuns }) {
  const all = useGraphiQL((state) => state.tabs);
  const index = useGraphiQL((state) => state.activeTabIndex);
  const { stop, run } = useGraphiQLActions();
  const last = useRef<string | null>(null);
  useLayoutEffect(() => {
    const left = last.current;
    const open = all[index]?.id ?? null;
    last.current = open;
    runs.note({ open, all: all.map(({ id }) => id) });
    if (left === null || left === open) return;
    stop();
    runs.resume(run);
  }, [runs, all, index, stop, run]);
  return null;
}

/** Opens what the first page hands over in a tab of its own. */
export function HandedOver() {
  const { handed } = useHandover();
  const { addTab } = useGraphiQLActions();
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const opened = useRef(0);
  useEffect(() => {
    if (!handed || !query || !variables || opened.current === handed.number) return;
    opened.current = handed.number;
    addTab();
    query.setValue(handed.operation);
    variables.setValue(JSON.stringify(handed.variables, null, 2));
  }, [handed, query, variables, addTab]);
  return null;
}

/**
 * The editor's tabs are list items that hold two buttons each, with the roles of a tab list, which may hold neither
 * and is to be walked with the arrow keys. As a list with the open one marked they are what they look like.
 */
export function MendedTabs() {
  useEffect(() => {
    const list = document.querySelector('.graphiql-container [role="tablist"]');
    if (!list) return;
    let shown: Element | null = null;
    const mend = () => {
      list.setAttribute('role', 'list');
      for (const tab of list.children) {
        const open = tab.classList.contains('graphiql-tab-active');
        tab.setAttribute('role', 'listitem');
        tab.removeAttribute('aria-selected');
        tab.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', String(open));
        if (open && tab !== shown) tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
        if (open) shown = tab;
      }
    };
    mend();
    const observer = new MutationObserver(mend);
    observer.observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
    return () => observer.disconnect();
  }, []);
  return null;
}
