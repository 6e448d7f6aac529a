import { createClient } from 'graphql-ws';
import type { SessionAlertsSubscription } from '../gql/graphql';
import type { Connect } from './alert-stream';
import { authorization } from './post';
import { socketUrl } from './websocket';

/** Sockets that act as whoever holds `secret`. */
export function connectAs(secret: string | null): Connect {
  return (request, sink) => {
    const client = createClient({
      url: socketUrl(),
      connectionParams: authorization(secret),
      retryAttempts: 0, // The stream tries again itself, after the last alert it heard.
      on: { connected: () => sink.opened() },
    });
    client.subscribe<SessionAlertsSubscription>(
      { query: request.query, variables: request.variables },
      {
        next: ({ data, errors }) => sink.next({ ...(data ? { data } : {}), ...(errors ? { errors } : {}) }),
        error: (failure) => sink.error(failure),
        complete: () => sink.complete(),
      },
    );
    return () => void client.dispose();
  };
}
