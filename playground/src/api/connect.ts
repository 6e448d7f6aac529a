import { createClient } from 'graphql-ws';
import type { SessionAlertsSubscription } from '../gql/graphql';
import type { Connect } from './alert-stream';
import { authorization } from './post';
import { socketUrl } from './websocket';

/** Opens sockets that are authenticated with `secret`. */
export function connectAs(secret: string | null): Connect {
  return (request, sink) => {
    const client = createClient({
      url: socketUrl(),
      connectionParams: authorization(secret),
      retryAttempts: 0, // `AlertStream` retries, and continues after the last alert.
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
