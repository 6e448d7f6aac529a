import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { Client } from "../client.js";
import { asError, SessiondError } from "../errors.js";
import { type InboxState, inboxOf } from "../inbox.js";
import type { Alert, Decision } from "../types.js";

const ClientContext = createContext<Client | null>(null);

export interface SessiondProviderProps {
  client: Client;
  children?: ReactNode;
}

/** Gives the hooks their client. All hooks of one client share one connection. */
export function SessiondProvider({ client, children }: SessiondProviderProps) {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the `SessiondProvider` around the component. */
export function useSessiond(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useSessiond must be used inside a SessiondProvider");
  return client;
}

/** The session, the alerts, the open questions and the connection. Rendered again after each change. */
export function useSession(): InboxState {
  const inbox = inboxOf(useSessiond());
  return useSyncExternalStore(inbox.subscribe, inbox.getSnapshot, inbox.getSnapshot);
}

/** Calls `receive` once with each alert that arrives while the component is mounted. */
export function useAlert(receive: (alert: Alert) => void) {
  const inbox = inboxOf(useSessiond());
  const latest = useRef(receive);
  useEffect(() => {
    latest.current = receive;
  });
  useEffect(() => {
    const stopReceiving = inbox.onAlert((alert) => latest.current(alert));
    const unsubscribe = inbox.subscribe(() => undefined);
    return () => {
      stopReceiving();
      unsubscribe();
    };
  }, [inbox]);
}

export interface LoginQuestion {
  /** The oldest login that waits for this device's decision. Null if none waits. */
  question: Alert | null;
  /** Approves or denies it. `matchNumber` is required to approve if the question has `matchChoices`. */
  decide(decision: Decision, matchNumber?: number | null): Promise<void>;
  /** Whether a decision is being sent. */
  isDeciding: boolean;
  /** Why the last decision failed. Null after the next one. */
  error: SessiondError | null;
}

/** The question "Is this you?" of a login on another device. */
export function useLoginQuestion(): LoginQuestion {
  const inbox = inboxOf(useSessiond());
  const question = useSession().questions[0] ?? null;
  const [isDeciding, setIsDeciding] = useState(false);
  const [error, setError] = useState<SessiondError | null>(null);
  const attemptId = question?.attempt?.id;
  const decide = useCallback(
    async (decision: Decision, matchNumber?: number | null) => {
      if (attemptId === undefined) return;
      setIsDeciding(true);
      setError(null);
      try {
        await inbox.decide(attemptId, decision, matchNumber);
      } catch (problem) {
        setError(asError(problem));
      } finally {
        setIsDeciding(false);
      }
    },
    [inbox, attemptId],
  );
  return { question, decide, isDeciding, error };
}

export { SessiondError };
