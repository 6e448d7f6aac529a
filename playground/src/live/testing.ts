import type { StreamSink } from '../api/alert-stream';
import type { AlertFragment, SessionAlertKind } from '../gql/graphql';

/** An alert about the session `about`, for tests. */
export function alertOf(sequence: number, kind: SessionAlertKind, about = 'first'): AlertFragment {
  return {
    id: `alert-${sequence}`,
    sequence,
    kind,
    message: `Alert ${sequence}.`,
    createdAt: '2999-01-01T00:00:00.000Z',
    session: { sessionKey: about },
    attempt: { id: `attempt-${sequence}`, device: { label: 'Firefox 145 on Windows' }, ipAddress: '192.0.2.10' },
  };
}

/** A socket that a test holds the other end of. */
export interface HeldSocket {
  secret: string | null;
  variables: object;
  sink: StreamSink;
  closed: boolean;
}
