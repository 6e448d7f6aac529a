import type { Access } from '../api/access';
import type { PhoneId } from '../live/devices';
import { phoneIds } from '../live/devices';
import type { Phone } from '../live/model';

/** Who an operation is sent as. */
export interface Identity {
  id: string;
  label: string;
  /** Goes as `Authorization: Bearer`; `null` where nothing goes. */
  secret: string | null;
}

/** The page itself, and each device that has had a token. */
export function identities(access: Access, phones: Readonly<Record<PhoneId, Phone>>): [Identity, ...Identity[]] {
  const devices = phoneIds.flatMap((id) => {
    const { token, stage } = phones[id];
    const state = stage === 'ended' ? ', signed out' : stage === 'pending' ? ', waiting' : '';
    return token ? [{ id: `device-${id}`, label: `Device ${id}${state}`, secret: token }] : [];
  });
  return [{ id: 'page', label: pageLabel(access), secret: access.secret }, ...devices];
}

function pageLabel({ credential, developmentMode }: Access): string {
  if (credential.kind === 'key') return 'The service, with its key';
  if (credential.kind === 'token') return 'The session of your token';
  return developmentMode ? 'No token: the service' : 'No token: anyone';
}

/** A secret that can be told from another, and not used. */
export function shortened(secret: string): string {
  return secret.length > 24 ? `${secret.slice(0, 8)}…${secret.slice(-4)}` : '…';
}
