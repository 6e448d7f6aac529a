import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import type { OnConflict } from '../gql/graphql';
import { readSettings } from './settings';

/**
 * The credential that the visitor has entered: none, the service key, or a session's token. It is
 * kept in memory only.
 */
export type Credential = { kind: 'none' } | { kind: 'key' | 'token'; secret: string };

/** How the server authenticates the page, and how it may be used. */
export interface Access {
  /** `null` until the settings have been read. */
  developmentMode: boolean | null;
  /** Whether the schema can be read. True until the settings have been read. */
  introspection: boolean;
  /** The policies that callers other than the service may choose; `null` until the settings have been read. */
  clientPolicies: readonly OnConflict[] | null;
  /** The time without a sign of life after which a device is away. */
  awayAfterSeconds: number;
  credential: Credential;
  /** The `Authorization: Bearer` value of the page's own requests; `null` if there is none. */
  secret: string | null;
  /** Whether the server accepts `secret` as the service. */
  isService: boolean;
  setCredential(credential: Credential): void;
}

const AccessContext = createContext<Access | null>(null);

/** Until the settings have been read. */
const unknown: Pick<Access, 'developmentMode' | 'introspection' | 'clientPolicies' | 'awayAfterSeconds'> = {
  developmentMode: null,
  introspection: true,
  clientPolicies: null,
  awayAfterSeconds: 120,
};

const noCredential: Credential = { kind: 'none' };

/** Reads the server's settings, and holds the credential. */
export function AccessProvider({ children }: { children: ReactNode }) {
  const [settings, setSettings] = useState(unknown);
  const [credential, setCredential] = useState<Credential>(noCredential);
  useEffect(() => {
    void readSettings().then((read) => setSettings(read ?? { ...unknown, developmentMode: false }));
  }, []);
  const access = useMemo<Access>(
    () => ({
      ...settings,
      credential,
      secret: credential.kind === 'none' ? null : credential.secret,
      isService: credential.kind === 'key' || (credential.kind === 'none' && settings.developmentMode === true),
      setCredential,
    }),
    [settings, credential],
  );
  return <AccessContext value={access}>{children}</AccessContext>;
}

export function useAccess(): Access {
  const access = useContext(AccessContext);
  if (!access) throw new Error('useAccess is used outside of AccessProvider');
  return access;
}
