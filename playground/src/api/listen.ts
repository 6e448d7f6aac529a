import type { ConnectionState, Ended, Listening, ListenOptions } from '@sessiond/client';
import { type AlertFragment, SessionAlertsDocument } from '../gql/graphql';
import { clientOf, operationOf } from './client';

/**
 * `lost`: the connection broke, and the client tries again. `completed`: the server has ended the
 * stream. `refused`: a retry would fail in the same way.
 */
export type StreamState = 'connecting' | 'open' | 'lost' | 'completed' | 'refused';

export type AlertOptions = Omit<ListenOptions<AlertFragment>, 'query'>;

/** Receives alerts as the holder of `secret`. */
export function listenAs(secret: string | null, options: AlertOptions): Listening {
  return clientOf(secret).listen({ ...options, query: operationOf(SessionAlertsDocument) });
}

/** Reports the state of a connection, and the reason if it is not open. */
export function reportConnection(
  connection: ConnectionState,
  report: (state: 'connecting' | 'open' | 'lost', reason: string | null) => void,
) {
  if (connection.state === 'waiting') report('lost', connection.error.message);
  else if (connection.state !== 'closed') report(connection.state, null);
}

/** The callbacks that report the state of a stream of alerts. */
export function stateCallbacks(report: (state: StreamState, reason: string | null) => void) {
  return {
    onConnection: (connection: ConnectionState) => reportConnection(connection, report),
    onEnded: ({ error }: Ended) => (error ? report('refused', error.message) : report('completed', null)),
  };
}
