import { SessiondError } from "./errors.js";
import type { Listening, ListenOptions } from "./listen.js";
import type { ConnectionState } from "./stream.js";
import type { Approval, Session } from "./types.js";

export interface WaitOptions {
  /** Ends the wait. The login still waits on the server: `logout` withdraws it. */
  signal?: AbortSignal | undefined;
  onConnection?(state: ConnectionState): void;
}

interface Waiting {
  listen(options: ListenOptions): Listening;
  currentSession(): Promise<Session | null>;
}

/**
 * Waits until the other device has decided, over lost connections too. The status of the session is
 * the truth: alerts, and each new connection, only cause it to be read.
 */
export function waitForApproval(client: Waiting, { signal, onConnection }: WaitOptions): Promise<Approval> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      listening.stop();
      signal?.removeEventListener("abort", abort);
      done();
    };
    const abort = () => settle(() => reject(signal?.reason));
    const look = async () => {
      const session = await client.currentSession();
      if (session?.status === "ACTIVE") settle(() => resolve({ approved: true, session }));
    };
    // If the read fails, the connection is lost too. The next one reads again.
    const lookSoon = () => void look().catch(() => undefined);
    const listening = client.listen({
      onAlert: lookSoon,
      onConnection(state) {
        onConnection?.(state);
        if (state.state === "open") lookSoon();
      },
      onEnded({ reason, session, error }) {
        if (reason === "FAILED")
          settle(() => reject(error ?? new SessiondError("BAD_RESPONSE", "no reason was given")));
        else settle(() => resolve({ approved: false, reason, session }));
      },
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
  });
}
