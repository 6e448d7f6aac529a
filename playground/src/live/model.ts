import type { StreamState } from '../api/alert-stream';
import type { AlertFragment, LogInMutation, OnConflict, SessionEndReason } from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { PhoneId } from './devices';

/** The user of one run of the story. A new one each time, so that no run meets another's sessions. */
export interface DemoUser {
  mobile: string;
  username: string;
  /** Needed where the page is not trusted as the service. */
  password: string;
}

/** Something that a phone sent, and what came back. */
export interface Exchange {
  id: number;
  /** The operation's name. */
  name: string;
  operation: string;
  variables: object;
  answer: unknown;
  failed: boolean;
  /** What went with it as `Authorization: Bearer`. */
  secret: string | null;
  /** Who the server took the sender for. */
  as: string;
}

export interface Received {
  alert: AlertFragment;
  replayed: boolean;
  /** When the waiting login stops waiting; `null` where nothing waits. */
  waitsUntil: string | null;
  /** What the phone answered, once it has. */
  answered: 'APPROVE' | 'DENY' | null;
}

/** Where a phone's session stands. `away` is a stream that the visitor cut. */
export interface Phone {
  id: PhoneId;
  stage: 'out' | 'pending' | 'active' | 'ended';
  token: string | null;
  sessionKey: string | null;
  device: string | null;
  address: string | null;
  expiresAt: string | null;
  endReason: SessionEndReason | null;
  stream: StreamState | 'off' | 'away';
  /** Newest first. */
  received: readonly Received[];
  /** Newest first. */
  exchanges: readonly Exchange[];
  shown: number | null;
  /** The sentence that the last answer was worth showing for. */
  message: { text: string; tone: Tone } | null;
  busy: boolean;
}

export type { Tone } from '../ui/alert-kinds';

export type Entry = { id: number; at: number } & (
  | { type: 'alert'; alert: AlertFragment; heard: Partial<Record<PhoneId, 'live' | 'replayed'>> }
  | { type: 'request'; from: PhoneId | 'stranger'; text: string; outcome: string; tone: Tone }
  | { type: 'note'; phone: PhoneId; text: string; tone: Tone }
);

export interface StoryState {
  user: DemoUser;
  registered: boolean;
  policy: OnConflict;
  phones: Readonly<Record<PhoneId, Phone>>;
  /** Newest first. */
  timeline: readonly Entry[];
  strangers: number;
}

export const policies: readonly { value: OnConflict; label: string; says: string }[] = [
  { value: 'REJECT', label: 'Refuse', says: 'The second device stays out. The first one is told who tried.' },
  {
    value: 'TAKE_OVER',
    label: 'Take over',
    says: 'The second device gets in. The first one is told, and its token dies.',
  },
  { value: 'ASK', label: 'Ask', says: 'The second device waits until the first one approves or denies.' },
];

export const outcomes: Record<LogInMutation['login']['outcome'], { text: string; tone: Tone }> = {
  LOGGED_IN: { text: 'Logged in', tone: 'good' },
  REFUSED: { text: 'Refused', tone: 'bad' },
  AWAITING_APPROVAL: { text: 'Waits for approval', tone: 'warning' },
};

export function newPhone(id: PhoneId): Phone {
  return {
    id,
    stage: 'out',
    token: null,
    sessionKey: null,
    device: null,
    address: null,
    expiresAt: null,
    endReason: null,
    stream: 'off',
    received: [],
    exchanges: [],
    shown: null,
    message: null,
    busy: false,
  };
}

export const longestTimeline = 60;
const mostExchanges = 6;
const mostReceived = 12;

/** Keeps an exchange. One that the visitor asked for is shown; one that the phone made by itself waits to be chosen. */
export function withExchange(phone: Phone, exchange: Exchange, asked: boolean): Phone {
  const exchanges = [exchange, ...phone.exchanges].slice(0, mostExchanges);
  const kept = exchanges.some(({ id }) => id === phone.shown);
  return { ...phone, exchanges, shown: asked || !kept ? exchange.id : phone.shown };
}

/** Keeps an alert, once however often it is heard. */
export function withAlert(phone: Phone, alert: AlertFragment, replayed: boolean): Phone {
  if (phone.received.some((known) => known.alert.id === alert.id)) return phone;
  const settled = settles(alert) ? phone.received.map((known) => ({ ...known, waitsUntil: null })) : phone.received;
  const received = { alert, replayed, waitsUntil: null, answered: null };
  return { ...phone, received: [received, ...settled].slice(0, mostReceived) };
}

/**
 * What of the log, newest first, came after the phone's login, where none was known then: there was none, or its session
 * waited and might not read the log. A login that waited has an alert of its own, and what is before was never missed.
 */
export function missedBy({ device }: Phone, log: readonly AlertFragment[]): readonly AlertFragment[] {
  const own = log.findIndex(({ kind, attempt }) => kind === 'LOGIN_PENDING' && attempt?.device.label === device);
  return own === -1 ? log : log.slice(0, own);
}

/** Whether a login waits for this phone's answer. */
export function isAsked({ stage, received }: Phone, now: number): boolean {
  const waits = received.some(({ waitsUntil }) => waitsUntil !== null && Date.parse(waitsUntil) > now);
  return stage === 'active' && waits;
}

/** Whether nothing waits any more once this has happened. */
function settles({ kind }: AlertFragment): boolean {
  return kind !== 'LOGIN_REFUSED' && kind !== 'SESSION_EXPIRED';
}

/** Keeps that `phone` heard an alert; without a phone, that the alert was raised. */
export function alertPassed(
  timeline: readonly Entry[],
  alert: AlertFragment,
  heard: { phone: PhoneId; how: 'live' | 'replayed' } | null,
  entry: { id: number },
): readonly Entry[] {
  const mark = heard ? { [heard.phone]: heard.how } : {};
  const known = timeline.some((other) => other.type === 'alert' && other.alert.id === alert.id);
  if (known) {
    return timeline.map((other) =>
      other.type === 'alert' && other.alert.id === alert.id ? { ...other, heard: { ...mark, ...other.heard } } : other,
    );
  }
  const added: Entry = { ...entry, at: Date.parse(alert.createdAt), type: 'alert', alert, heard: mark };
  return [added, ...timeline].slice(0, longestTimeline);
}

/** The end of a session as its phone tells it. */
export function farewell(reason: SessionEndReason | null): string {
  switch (reason) {
    case 'REPLACED':
      return 'Another device took this session’s place.';
    case 'INVALIDATED':
      return 'This session was logged out.';
    case 'EXPIRED':
      return 'This session expired.';
    case 'NOT_APPROVED':
      return 'The login was not approved.';
    case 'PASSWORD_CHANGED':
      return 'The password was changed.';
    case null:
      return 'This session has ended.';
  }
}
