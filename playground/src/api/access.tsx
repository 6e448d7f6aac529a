import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { readSettings } from './settings';

/** What the visitor has shown: nothing, the service key, or a session's token. Held in memory, and nowhere else. */
export type Credential = { kind: 'none' } | { kind: 'key' | 'token'; secret: string };

export interface Access {
  /** `null` until the server has said it. */
  developmentMode: boolean | null;
  /** Whether the schema can be read. Taken for so until it is known. */
  schemaShown: boolean;
  credential: Credential;
  /** What goes with a request that no device makes. */
  secret: string | null;
  /** Whether requests with `secret` count as the service's. */
  isService: boolean;
  show(credential: Credential): void;
}

const AccessContext = createContext<Access | null>(null);

const nothing: Credential = { kind: 'none' };

export function AccessProvider({ children }: { children: ReactNode }) {
  const [developmentMode, setDevelopmentMode] = useState<boolean | null>(null);
  const [schemaShown, setSchemaShown] = useState(true);
  const [credential, setCredential] = useState<Credential>(nothing);
  useEffect(() => {
    void readSettings().then((settings) => {
      setDevelopmentMode(settings?.developmentMode ?? false);
      setSchemaShown(settings?.introspection ?? true);
    });
  }, []);
  const access = useMemo<Access>(
    () => ({
      developmentMode,
      schemaShown,
      credential,
      secret: credential.kind === 'none' ? null : credential.secret,
      isService: credential.kind === 'key' || (credential.kind === 'none' && developmentMode === true),
      show: setCredential,
    }),
    [developmentMode, schemaShown, credential],
  );
  return <AccessContext value={access}>{children}</AccessContext>;
}

export function useAccess(): Access {
  const access = useContext(AccessContext);
  if (!access) throw new Error('useAccess is used outside of AccessProvider');
  return access;
}
