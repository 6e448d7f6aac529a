import type { Access } from '../api/access';
import type { PhoneId } from '../demo/devices';
import { phoneIds } from '../demo/devices';
import type { Phone } from '../demo/model';
import type { FoundToken } from './findings';

/** The sender of an operation. */
export interface Identity {
  id: string;
  label: string;
  /** The value of `Authorization: Bearer`; `null` if the header is not sent. */
  secret: string | null;
  /** Whether the browser sends and stores the session's cookie. */
  cookie?: boolean;
}

/** The page itself, each device that has a token, each token that the editor has received, and the cookie. */
export function identities(
  access: Access,
  phones: Readonly<Record<PhoneId, Phone>>,
  tokens: readonly FoundToken[],
): [Identity, ...Identity[]] {
  const devices = phoneIds.flatMap((id) => {
    const { token, stage } = phones[id];
    const state = stage === 'ended' ? ', logged out' : stage === 'pending' ? ', waiting' : '';
    return token ? [{ id: `device-${id}`, label: `Device ${id}${state}`, secret: token }] : [];
  });
  const found = tokens.map(({ token, operation }) => ({
    id: token,
    label: `Token of ${operation} (${shortened(token)})`,
    secret: token,
  }));
  const page = { id: 'page', label: pageLabel(access), secret: access.secret };
  return [
    page,
    ...devices,
    ...found,
    { id: 'cookie', label: 'The cookie of this browser', secret: null, cookie: true },
  ];
}

function pageLabel({ credential, developmentMode }: Access): string {
  if (credential.kind === 'key') return 'The service, with its key';
  if (credential.kind === 'token') return 'The session of your token';
  return developmentMode ? 'The service, without a key' : 'Anonymous, without a token';
}

/** Shortens a secret, so that it can be recognized but not used. */
export function shortened(secret: string): string {
  return secret.length > 24 ? `${secret.slice(0, 8)}…${secret.slice(-4)}` : '…';
}
