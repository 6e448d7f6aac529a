import type { AlertFragment } from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { PhoneId } from './devices';

/** How a phone received an alert. */
export interface Receipt {
  how: 'live' | 'replayed';
  /**
   * Milliseconds between the request that caused the alert and its arrival at the phone; `null` if
   * no request of this page caused it.
   */
  delay: number | null;
}

export type Entry = { id: number; at: number } & (
  | { type: 'alert'; alert: AlertFragment; receivedBy: Partial<Record<PhoneId, Receipt>> }
  | {
      type: 'request';
      from: PhoneId | 'stranger' | 'service';
      text: string;
      outcome: string;
      tone: Tone;
      /** When the request was sent, by the browser's monotonic clock. */
      sentAt: number;
    }
  | {
      type: 'note';
      phone: PhoneId;
      text: string;
      tone: Tone;
      /** The number of failed connections in a row that the note stands for; 0 for other notes. */
      failures: number;
    }
);

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
export type NewEntry = WithoutId<Entry>;

export const MAX_TIMELINE_ENTRIES = 60;

/** An alert that arrives later than this was not caused by the last request. */
const MAX_DELAY_MS = 5_000;

/** The entries from the oldest to the newest. The oldest ones are dropped. */
export function withEntry(timeline: readonly Entry[], entry: Entry): readonly Entry[] {
  const folded = entry.type === 'note' && entry.failures > 0 ? latestFailure(timeline, entry.phone) : undefined;
  if (folded && entry.type === 'note') {
    const failures = folded.failures + entry.failures;
    return timeline.map((known) => (known === folded ? { ...entry, id: folded.id, failures } : known));
  }
  return [...timeline, entry].slice(-MAX_TIMELINE_ENTRIES);
}

/** The phone's last note, if it is about a failed connection. */
function latestFailure(timeline: readonly Entry[], phone: PhoneId) {
  const last = timeline.findLast((entry) => entry.type === 'note' && entry.phone === phone);
  return last?.type === 'note' && last.failures > 0 ? last : undefined;
}

/**
 * Adds an alert, or the receipt by one more phone to the alert's entry. `receipt` is null if the
 * page itself received the alert. `now` is the time of the browser's monotonic clock.
 */
export function withAlertEntry(
  timeline: readonly Entry[],
  alert: AlertFragment,
  receipt: { phone: PhoneId; how: Receipt['how'] } | null,
  { id, now }: { id: number; now: number },
): readonly Entry[] {
  const receivedBy = receipt
    ? { [receipt.phone]: { how: receipt.how, delay: receipt.how === 'live' ? delayAt(timeline, now) : null } }
    : {};
  const isKnown = timeline.some((entry) => entry.type === 'alert' && entry.alert.id === alert.id);
  if (!isKnown) return withEntry(timeline, { id, at: Date.parse(alert.createdAt), type: 'alert', alert, receivedBy });
  return timeline.map((entry) =>
    entry.type === 'alert' && entry.alert.id === alert.id
      ? { ...entry, receivedBy: { ...receivedBy, ...entry.receivedBy } }
      : entry,
  );
}

/** Milliseconds since the last request; `null` if that is too long ago. */
function delayAt(timeline: readonly Entry[], now: number): number | null {
  const cause = timeline.findLast((entry) => entry.type === 'request');
  if (cause?.type !== 'request') return null;
  const delay = now - cause.sentAt;
  return delay <= MAX_DELAY_MS ? Math.max(1, Math.round(delay)) : null;
}
