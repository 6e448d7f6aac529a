import { SessionsByKeyDocument, WhoAmIDocument } from '../gql/graphql';
import type { Credential } from './access';
import { post } from './post';

/** Tokens say what they are. Everything else that is pasted is taken for the service key. */
export function kindOf(secret: string): 'key' | 'token' {
  return secret.startsWith('sd1_') ? 'token' : 'key';
}

/** Asks the server what `secret` opens. A sentence where it opens nothing. */
export async function tryOut(secret: string): Promise<Credential | string> {
  if (kindOf(secret) === 'key') {
    const { errors } = await post(SessionsByKeyDocument, { keys: [] }, secret);
    return errors ? 'The server does not know this key.' : { kind: 'key', secret };
  }
  const { data, errors } = await post(WhoAmIDocument, {}, secret);
  if (errors) return errors.map(({ message }) => message).join(' ');
  if (!data?.currentSession) return 'The server does not know this token.';
  if (!data.currentSession.isValid) return 'The session that this token opened is not valid.';
  return { kind: 'token', secret };
}
