import { clientOf, operationOf } from '../../api/client';
import { reportConnection } from '../../api/listen';
import { SessionEventsDocument } from '../../gql/graphql';
import type { SessionEvent } from './model';

/** `refused`: a retry would fail in the same way. */
export type FeedState = 'connecting' | 'open' | 'lost' | 'refused';

export interface FeedHandlers {
  event(event: SessionEvent): void;
  /** The server no longer has the events after the cursor: read everything again. */
  expired(): void;
  state(state: FeedState, reason: string | null): void;
}

/** Follows the sessions of all users after `cursor`. Returns a function that ends this. */
export function followSessions(secret: string | null, cursor: string, handlers: FeedHandlers): () => void {
  const following = clientOf(secret).follow({
    query: operationOf(SessionEventsDocument),
    after: cursor,
    onEvent: (event) => handlers.event(event),
    onConnection: (connection) =>
      reportConnection(connection, (state, reason) => {
        // While the client tries again, the page shows that the connection is lost.
        if (state !== 'connecting') handlers.state(state, reason);
      }),
    onEnded: ({ code, message }) => {
      if (code === 'CURSOR_EXPIRED') handlers.expired();
      else handlers.state('refused', message);
    },
  });
  return () => following.stop();
}
