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
  SessionEventKind,
  SessionEventsSubscription,
  SessionFragment,
  SessionStatus,
} from "./generated/types.js";

export type { CreateUserInput, LoginInput, SessionEndedBy, SessionStatus };

/** A newer server may have further kinds. Show the `message` of an unknown one. */
export type AlertKind = SessionAlertKind | (string & {});
export type EndReason = SessionEndReason | (string & {});
export type Decision = LoginDecision;

/** The login that caused an alert. */
export type Attempt = NonNullable<AlertFragment["attempt"]>;

/** An entry in a user's alert log. */
export type Alert = Omit<AlertFragment, "kind"> & { readonly kind: AlertKind };

/** An event in the feed of all users. Ignore an event of an unknown kind: a newer server may add kinds. */
export type SessionEvent = Omit<SessionEventsSubscription["sessionEvents"], "kind"> & {
  readonly kind: SessionEventKind | (string & {});
};

/** A session as its own device sees it. */
export type Session = SessionFragment;

export interface CreatedUser {
  message: string;
  /** Null if the cookie has it. */
  token: string | null;
  session: Session;
  alertCursor: string;
}

export interface LoginResult {
  /** `LOGGED_IN`, `REFUSED`, or `AWAITING_APPROVAL`: call `waitForApproval`. */
  outcome: LoginOutcome;
  /** One sentence in English to show to a person. */
  message: string;
  /** Null if the login was refused, or if the cookie has it. The client has stored it. */
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
