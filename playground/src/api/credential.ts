import { SessionsByKeyDocument, WhoAmIDocument } from '../gql/graphql';
import type { Credential } from './access';
import { post } from './post';

/** Tokens have a prefix. Any other text counts as a service key. */
export function credentialKind(secret: string): 'key' | 'token' {
  return secret.startsWith('sd1_') ? 'token' : 'key';
}

/**
 * Returns the credential if the server accepts `secret`, or a sentence with the reason if it does
 * not.
 */
export async function checkCredential(secret: string): Promise<Credential | string> {
  if (credentialKind(secret) === 'key') {
    const { errors } = await post(SessionsByKeyDocument, { keys: [] }, secret);
    return errors ? 'The server does not know this key.' : { kind: 'key', secret };
  }
  const { data, errors } = await post(WhoAmIDocument, {}, secret);
  if (errors) return errors.map(({ message }) => message).join(' ');
  if (!data?.currentSession) return 'The server does not know this token.';
  if (!data.currentSession.isValid) return 'The session of this token is not valid.';
  return { kind: 'token', secret };
}
