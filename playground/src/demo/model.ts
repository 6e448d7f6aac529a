import type { StreamState } from '../api/listen';
import { errorMessage, type GraphQLResponse } from '../api/post';
import type { AlertFragment, LogInMutation, OnConflict, SessionEndedBy, SessionEndReason } from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { PhoneId } from './devices';
import type { Entry } from './timeline';

/**
 * The user of one run of the demo. Each run has a new user, so that it finds no session of another
 * run.
 */
export interface DemoUser {
  mobile: string;
  username: string;
  /** Sent only if the page does not act as the service. */
  password: string;
}

/** A request of a phone, and its response. */
export interface Exchange {
  id: number;
  /** The operation's name. */
  name: string;
  operation: string;
  variables: object;
  response: unknown;
  failed: boolean;
  /** Whether the visitor caused it. Otherwise the phone sent it by itself. */
  byVisitor: boolean;
  /** The value of `Authorization: Bearer`. */
  secret: string | null;
  /** Whether the request has the phone's token or the page's credential. */
  identity: 'phone' | 'page';
  /** How the sender was authenticated, as a person reads it. */
  sentAs: string;
}

export interface ReceivedAlert {
  alert: AlertFragment;
  replayed: boolean;
  /** When the pending login expires; `null` if no login is pending. */
  waitsUntil: string | null;
  /** The phone's decision; `null` if it has not decided. `WRONG_NUMBER` denied the login. */
  decision: 'APPROVE' | 'DENY' | 'WRONG_NUMBER' | null;
}

export type Attempt = NonNullable<AlertFragment['attempt']>;

/** `Lisbon, Portugal`; `null` if the place is not known. */
export function placeName(place: Attempt['place']): string | null {
  return [place?.city, place?.country].filter(Boolean).join(', ') || null;
}

/** The device with the session in the way of a login. */
export interface Holder {
  device: string;
  /** Whether it received the question at once; `null` if that is not known. */
  isListening: boolean | null;
}

export interface Phone {
  id: PhoneId;
  /** The state of the phone's session. `none`: it has had no session yet. */
  stage: 'none' | 'pending' | 'active' | 'ended';
  token: string | null;
  sessionKey: string | null;
  device: string | null;
  address: string | null;
  expiresAt: string | null;
  /** The number that the phone shows while its login waits; `null` if it does not wait, or if matching is off. */
  matchNumber: number | null;
  /** The device that must approve the waiting login; `null` if no login waits. */
  holder: Holder | null;
  /** When the phone may ask again, by the browser's clock; `null` if it need not wait. */
  retryAt: number | null;
  endReason: SessionEndReason | null;
  endedBy: SessionEndedBy | null;
  /** `off`: the phone does not listen. `disconnected`: the visitor disconnected it. */
  stream: StreamState | 'off' | 'disconnected';
  /** Newest first. */
  received: readonly ReceivedAlert[];
  /** Newest first. */
  exchanges: readonly Exchange[];
  /** The id of the exchange in view. */
  shown: number | null;
  /** The message of the last response. */
  message: { text: string; tone: Tone } | null;
  busy: boolean;
}

export interface DemoState {
  user: DemoUser;
  registered: boolean;
  /** The phone that waits for the visitor's confirmation to sign up; `null` if there is none. */
  asksToSignUp: PhoneId | null;
  /** The phone that waits for the visitor's confirmation to freeze the account; `null` if there is none. */
  asksToFreeze: PhoneId | null;
  policy: OnConflict;
  /** What happens instead of `policy` if the first device is away; `null` to ask it anyway. */
  ifAway: OnConflict | null;
  /** Whether the user is frozen, as far as the page knows. */
  frozen: boolean;
  phones: Readonly<Record<PhoneId, Phone>>;
  /** Oldest first. */
  timeline: readonly Entry[];
  /** The phone whose requests are in view: the one that the visitor used last. */
  requestsOf: PhoneId;
}

/** What a visitor may choose for the case that the first device is away. */
export const awayPolicies: readonly { value: OnConflict | null; label: string }[] = [
  { value: null, label: 'is asked anyway' },
  { value: 'TAKE_OVER', label: 'is taken over' },
  { value: 'REJECT', label: 'keeps its session' },
];

export const policies: readonly { value: OnConflict; label: string; description: string }[] = [
  {
    value: 'REJECT',
    label: 'Refuse',
    description: 'The second device cannot log in. The first one gets an alert that shows who tried.',
  },
  {
    value: 'TAKE_OVER',
    label: 'Take over',
    description: 'The second device logs in. The first one gets an alert, and its token stops working.',
  },
  {
    value: 'ASK',
    label: 'Ask',
    description: 'The second device waits until the first one approves or denies the login.',
  },
];

/** What a visitor can do about a policy that the server does not let clients choose. */
export const policyHint =
  'Enter the service key at the top of the page, or start the server with --client-on-conflict=reject,ask,take-over.';

/** Why a login failed; `null` if it did not. */
export function loginError(response: GraphQLResponse<LogInMutation>): string | null {
  const isForbidden = response.errors?.some(({ extensions }) => extensions?.code === 'FORBIDDEN') ?? false;
  const message = errorMessage(response);
  return isForbidden ? `${message} ${policyHint}` : message;
}

const outcomes: Record<LogInMutation['login']['outcome'], { text: string; tone: Tone }> = {
  LOGGED_IN: { text: 'Logged in', tone: 'good' },
  REFUSED: { text: 'Refused', tone: 'bad' },
  AWAITING_APPROVAL: { text: 'Waiting for approval', tone: 'warning' },
};

/** The outcome of a login, as the timeline shows it. */
export function outcomeOf(response: GraphQLResponse<LogInMutation>): { text: string; tone: Tone } {
  const login = response.data?.login;
  return login ? outcomes[login.outcome] : { text: errorMessage(response) ?? 'Failed', tone: 'bad' };
}

export function newPhone(id: PhoneId): Phone {
  return {
    id,
    stage: 'none',
    token: null,
    sessionKey: null,
    device: null,
    address: null,
    expiresAt: null,
    matchNumber: null,
    holder: null,
    retryAt: null,
    endReason: null,
    endedBy: null,
    stream: 'off',
    received: [],
    exchanges: [],
    shown: null,
    message: null,
    busy: false,
  };
}

const MAX_EXCHANGES = 6;
const MAX_RECEIVED = 12;

/**
 * Adds an exchange. It comes into view if the visitor caused it, and not if the phone sent it by
 * itself. Of the exchanges of one name that the phone sent by itself, only the latest is kept, so
 * that its attempts to reconnect do not push out those of the visitor.
 */
export function withExchange(phone: Phone, exchange: Exchange): Phone {
  const isReplaced = (known: Exchange) => !exchange.byVisitor && !known.byVisitor && known.name === exchange.name;
  const others = phone.exchanges.filter((known) => !isReplaced(known));
  const exchanges = [exchange, ...others].slice(0, MAX_EXCHANGES);
  const isKept = exchanges.some(({ id }) => id === phone.shown);
  return { ...phone, exchanges, shown: exchange.byVisitor || !isKept ? exchange.id : phone.shown };
}

/** Adds a received alert. An alert that the phone has already is not added again. */
export function withAlert(phone: Phone, alert: AlertFragment, replayed: boolean): Phone {
  if (phone.received.some((known) => known.alert.id === alert.id)) return phone;
  const earlier = endsPendingLogin(alert)
    ? phone.received.map((known) => ({ ...known, waitsUntil: null }))
    : phone.received;
  const received = { alert, replayed, waitsUntil: null, decision: null };
  return { ...phone, received: [received, ...earlier].slice(0, MAX_RECEIVED) };
}

/** Whether a login waits for this phone's decision. */
export function hasPendingLogin({ stage, received }: Phone, now: number): boolean {
  const waits = received.some(({ waitsUntil }) => waitsUntil !== null && Date.parse(waitsUntil) > now);
  return stage === 'active' && waits;
}

/** Whether no login is pending any more after this alert. */
function endsPendingLogin({ kind }: AlertFragment): boolean {
  return kind !== 'LOGIN_REFUSED' && kind !== 'SESSION_EXPIRED';
}

/** Why a session ended, as its phone shows it. */
export function endText(reason: SessionEndReason | null, by: SessionEndedBy | null): string {
  switch (reason) {
    case 'REPLACED':
      return 'Another device took over.';
    case 'INVALIDATED':
      return by ? logOutTexts[by] : 'This device was logged out.';
    case 'EXPIRED':
      return 'This session expired.';
    case 'NOT_APPROVED':
      return 'The login was not approved.';
    case 'PASSWORD_CHANGED':
      return 'The password was changed.';
    case 'FROZEN':
      return 'The account is frozen. Every device is logged out.';
    case null:
      return 'This session has ended.';
  }
}

const logOutTexts: Record<SessionEndedBy, string> = {
  ITSELF: 'You logged out on this device.',
  OTHER_DEVICE: 'Another device logged this one out.',
  SERVICE: 'The service logged this device out.',
};
