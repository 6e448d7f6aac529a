import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { pages } from './pages';

/** An operation on its way into the editor, with who sends it. */
export interface Handed {
  /** Tells one handing-over from the next of the same operation. */
  number: number;
  operation: string;
  variables: object;
  identity: string;
}

interface Handover {
  handed: Handed | null;
  openInEditor(handed: Omit<Handed, 'number'>): void;
}

const HandoverContext = createContext<Handover | null>(null);

export function HandoverProvider({ children }: { children: ReactNode }) {
  const [handed, setHanded] = useState<Handed | null>(null);
  const [, navigate] = useLocation();
  const handover = useMemo<Handover>(
    () => ({
      handed,
      openInEditor(next) {
        setHanded((last) => ({ ...next, number: (last?.number ?? 0) + 1 }));
        navigate(pages.explore.path);
      },
    }),
    [handed, navigate],
  );
  return <HandoverContext value={handover}>{children}</HandoverContext>;
}

export function useHandover(): Handover {
  const handover = useContext(HandoverContext);
  if (!handover) throw new Error('useHandover is used outside of HandoverProvider');
  return handover;
}
