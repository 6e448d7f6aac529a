import type { Listening } from '@sessiond/client';
import type { AlertFragment, SessionAlertKind } from '../gql/graphql';
import type { AlertOptions } from './listen';

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

/** A listener whose server is controlled by a test. */
export class FakeSocket implements Listening {
  cursor: string | null;
  closed = false;

  constructor(
    readonly secret: string | null,
    readonly options: AlertOptions,
  ) {
    this.cursor = options.after as string;
    options.onConnection?.({ state: 'connecting' });
  }

  /** The variables of the subscription. */
  get variables() {
    const { mobile, after } = this.options;
    return mobile === undefined ? { after } : { mobile, after };
  }

  stop() {
    this.closed = true;
  }

  readonly sink = {
    next: ({ data }: { data: { sessionAlerts: AlertFragment } }) => {
      this.cursor = data.sessionAlerts.id;
      this.options.onAlert?.(data.sessionAlerts);
    },
    /** The server ends the stream. */
    complete: () => this.options.onEnded?.({ reason: 'REPLACED', session: null, error: null }),
  };
}
