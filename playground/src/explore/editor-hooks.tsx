import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import { useHandover } from '../shell/handover';

/** Which tabs the editor has, and which is open. */
export interface OpenTabs {
  open: string | null;
  all: readonly string[];
}

/**
 * Keeps `tabs` as the editor has them. A new tab would go on with the Stop button and the answers of the one that was
 * left: that one is left as a click on another tab leaves it.
 */
export function TabWatch({ tabs }: { tabs: RefObject<OpenTabs> }) {
  const all = useGraphiQL((state) => state.tabs);
  const index = useGraphiQL((state) => state.activeTabIndex);
  const { stop } = useGraphiQLActions();
  useLayoutEffect(() => {
    const left = tabs.current.open;
    const open = all[index]?.id ?? null;
    tabs.current = { open, all: all.map(({ id }) => id) };
    if (left !== null && left !== open) stop();
  }, [tabs, all, index, stop]);
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
