import type { SessiondError } from "./errors.js";
import type {
  AlertFragment,
  CreateUserInput,
  LoginDecision,
  LoginInput,
  LoginOutcome,
  SessionAlertKind,
  SessionEndedBy,
  SessionEndReason,
  SessionFragment,
  SessionStatus,
} from "./generated/types.js";

export type { CreateUserInput, LoginInput, SessionEndedBy, SessionStatus };

/** A newer server may have further kinds. Show the `message` of an unknown one. */
export type AlertKind = SessionAlertKind | (string & {});
export type EndReason = SessionEndReason | (string & {});
export type Decision = LoginDecision;

type WithoutAttempt = Omit<AlertFragment, "kind" | "attempt">;

/** The login that caused an alert. The optional fields depend on the version of the server. */
export type Attempt = NonNullable<AlertFragment["attempt"]> & {
  /** Three numbers, of which the waiting device shows one. */
  readonly matchChoices?: readonly number[] | null;
  readonly isNewPlace?: boolean | null;
  readonly isNewDevice?: boolean | null;
  readonly place?: {
    readonly countryCode: string | null;
    readonly country: string | null;
    readonly city: string | null;
    readonly network: string | null;
  } | null;
};

/** An entry in a user's alert log. */
export type Alert = WithoutAttempt & { readonly kind: AlertKind; readonly attempt: Attempt | null };

/** A session as its own device sees it. */
export type Session = SessionFragment & {
  /** The number that this waiting device shows, if the server matches numbers. */
  readonly matchNumber?: number | null;
};

export interface CreatedUser {
  message: string;
  token: string;
  session: Session;
  alertCursor: string;
}

export interface LoginResult {
  /** `LOGGED_IN`, `REFUSED`, or `AWAITING_APPROVAL`: call `waitForApproval`. */
  outcome: LoginOutcome;
  /** One sentence in English to show to a person. */
  message: string;
  /** Null if the login was refused. The client has stored it. */
  token: string | null;
  session: Session | null;
  /** The number to show while the login waits, if the server matches numbers. */
  matchNumber: number | null;
  /** How long the same login stays refused, if the server names a time. */
  retryAfterSeconds: number | null;
}

/** The end of a session, or of listening. */
export interface Ended {
  /**
   * The reason why the session ended. `UNKNOWN_TOKEN`: the server does not know the token, for
   * example because the user was deleted. `FAILED`: the server refuses to send alerts, and `error`
   * is the reason.
   */
  reason: EndReason | "UNKNOWN_TOKEN" | "FAILED";
  session: Session | null;
  error: SessiondError | null;
}

export type Approval =
  | { approved: true; session: Session }
  | { approved: false; reason: Ended["reason"]; session: Session | null };
