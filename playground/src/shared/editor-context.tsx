import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { pages } from './pages';

/** A request to open an operation in the editor. */
export interface EditorRequest {
  /** Distinguishes two requests to open the same operation. */
  number: number;
  operation: string;
  variables: object;
  /** The id of the `Identity` to send it as. */
  identity: string;
}

interface EditorContextValue {
  request: EditorRequest | null;
  openInEditor(request: Omit<EditorRequest, 'number'>): void;
}

const EditorContext = createContext<EditorContextValue | null>(null);

export function EditorProvider({ children }: { children: ReactNode }) {
  const [request, setRequest] = useState<EditorRequest | null>(null);
  const [, navigate] = useLocation();
  const value = useMemo<EditorContextValue>(
    () => ({
      request,
      openInEditor(next) {
        setRequest((last) => ({ ...next, number: (last?.number ?? 0) + 1 }));
        navigate(pages.explore.path);
      },
    }),
    [request, navigate],
  );
  return <EditorContext value={value}>{children}</EditorContext>;
}

export function useEditor(): EditorContextValue {
  const value = useContext(EditorContext);
  if (!value) throw new Error('useEditor is used outside of EditorProvider');
  return value;
}
