import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { useAccess } from '../api/access';
import { listenAs } from '../api/listen';
import { post } from '../api/post';
import { Demo } from './demo';
import type { DemoState } from './model';

const DemoContext = createContext<Demo | null>(null);

/** Keeps the demo running while another page is open. */
export function DemoProvider({ children }: { children: ReactNode }) {
  const { secret, isService, developmentMode } = useAccess();
  const asksToSignUp = developmentMode !== true;
  const [demo] = useState(() => new Demo({ post, listen: listenAs }, { secret, isService, asksToSignUp }));
  useEffect(() => demo.setCaller({ secret, isService, asksToSignUp }), [demo, secret, isService, asksToSignUp]);
  return <DemoContext value={demo}>{children}</DemoContext>;
}

export function useDemo(): Demo {
  const demo = useContext(DemoContext);
  if (!demo) throw new Error('useDemo is used outside of DemoProvider');
  return demo;
}

export function useDemoState(): DemoState {
  const { store } = useDemo();
  return useSyncExternalStore(store.subscribe, store.read);
}
