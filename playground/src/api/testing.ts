import type { AlertFragment, SessionAlertKind } from '../gql/graphql';
import type { StreamSink } from './alert-stream';

/** An alert about the session `sessionKey`, for tests. */
export function alertOf(sequence: number, kind: SessionAlertKind, sessionKey = 'first'): AlertFragment {
  return {
    id: `alert-${sequence}`,
    sequence,
    kind,
    message: `Alert ${sequence}.`,
    createdAt: '2999-01-01T00:00:00.000Z',
    session: { sessionKey },
    attempt: {
      id: `attempt-${sequence}`,
      device: { label: 'Firefox 145 on Windows' },
      ipAddress: '192.0.2.10',
      place: null,
      isNewDevice: null,
      isNewPlace: null,
      matchChoices: null,
    },
  };
}

/** A socket whose server side is controlled by a test. */
export interface FakeSocket {
  secret: string | null;
  variables: object;
  sink: StreamSink;
  closed: boolean;
}
