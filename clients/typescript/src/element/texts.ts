import type { SessiondError } from "../errors.js";
import type { Alert, Ended } from "../types.js";

/** The texts of the element. Replace them to translate it. */
export interface AlertTexts {
  title: string;
  intro: string;
  device: string;
  address: string;
  place: string;
  time: string;
  warning: string;
  chooseNumber: string;
  approve: string;
  deny: string;
  close: string;
  /** The name of the region of notices, for screen readers. */
  notices: string;
  failed(error: SessiondError): string;
  /** The text of a notice. Null for an alert that needs none. */
  notice(alert: Alert): string | null;
  /** The text about the end of the session. Null if it needs none. */
  ended(ended: Ended): string | null;
}

export const englishTexts: AlertTexts = {
  title: "Is this you?",
  intro: "Somebody wants to log in to your account on another device.",
  device: "Device",
  address: "Address",
  place: "Place",
  time: "Time",
  warning: "If you approve, the other device is logged in and this one is logged out.",
  chooseNumber: "Which number does the other device show?",
  approve: "Yes, approve",
  deny: "No, deny",
  close: "Close",
  notices: "Security notice",
  failed: ({ code, message }) =>
    code === "NOT_FOUND" ? "This login no longer waits for a decision." : `The decision was not sent. ${message}`,
  notice: ({ kind, message }) => (kind === "LOGIN_REFUSED" ? message : null),
  ended: ({ reason, session }) =>
    reason === "FAILED" || session?.endedBy === "ITSELF" ? null : (ENDINGS.get(reason) ?? "You are logged out."),
};

const ENDINGS = new Map<string, string>([
  ["REPLACED", "You are logged out, because another device has logged in."],
  ["EXPIRED", "You are logged out, because this device was idle for too long."],
  ["PASSWORD_CHANGED", "You are logged out, because the password was changed."],
  ["FROZEN", "You are logged out, because the account is frozen."],
  ["NOT_APPROVED", "The login on this device was not approved."],
]);
