import type { SessionAlertKind, SessionEndedBy, SessionEndReason, SessionStatus } from '../gql/graphql';
import type { IconName } from './icon';

export type Tone = 'good' | 'warning' | 'bad' | 'plain';

/** The title, tone and icon of each kind of alert. */
export const alertKinds: Record<SessionAlertKind, { title: string; tone: Tone; icon: IconName }> = {
  LOGIN_REFUSED: { title: 'Login refused', tone: 'bad', icon: 'shield' },
  LOGIN_PENDING: { title: 'A device asks to log in', tone: 'warning', icon: 'bell' },
  LOGIN_APPROVED: { title: 'Login approved', tone: 'good', icon: 'check' },
  LOGIN_NOT_APPROVED: { title: 'Login not approved', tone: 'bad', icon: 'cross' },
  SESSION_REPLACED: { title: 'Session taken over', tone: 'warning', icon: 'right' },
  SESSION_INVALIDATED: { title: 'Logged out', tone: 'plain', icon: 'cross' },
  SESSION_EXPIRED: { title: 'Session expired', tone: 'plain', icon: 'bell' },
  PASSWORD_CHANGED: { title: 'Password changed', tone: 'warning', icon: 'key' },
  ACCOUNT_FROZEN: { title: 'Account frozen', tone: 'bad', icon: 'shield' },
  ACCOUNT_UNFROZEN: { title: 'Account no longer frozen', tone: 'good', icon: 'check' },
};

export const statuses: Record<SessionStatus, { label: string; tone: Tone }> = {
  ACTIVE: { label: 'Active', tone: 'good' },
  PENDING: { label: 'Waiting', tone: 'warning' },
  ENDED: { label: 'Ended', tone: 'plain' },
};

const endReasons: Record<SessionEndReason, string> = {
  INVALIDATED: 'Logged out',
  REPLACED: 'Another device took over',
  EXPIRED: 'Expired',
  NOT_APPROVED: 'Not approved',
  PASSWORD_CHANGED: 'Password changed',
  FROZEN: 'Account frozen',
};

const loggedOutBy: Record<SessionEndedBy, string> = {
  ITSELF: 'Logged out on the device',
  OTHER_DEVICE: 'Logged out by another device',
  SERVICE: 'Logged out by the service',
};

/** Why a session ended, for a table. */
export function endReasonText(reason: SessionEndReason, by: SessionEndedBy | null): string {
  return reason === 'INVALIDATED' && by ? loggedOutBy[by] : endReasons[reason];
}
