import { SessionsByKeyDocument, WhoAmIDocument } from '../gql/graphql';
import type { Credential } from './access';
import { errorMessage, type GraphQLFailure, post } from './post';

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
    const response = await post(SessionsByKeyDocument, { keys: [] }, secret);
    // A key without the scope of this query may have other scopes. Each page names the one it lacks.
    if (response.errors?.some(isMissingScope)) return { kind: 'key', secret };
    if (response.errors?.some(isRejection)) return 'This is neither the service key nor a session token.';
    return errorMessage(response) ?? { kind: 'key', secret };
  }
  const response = await post(WhoAmIDocument, {}, secret);
  const message = errorMessage(response);
  if (message !== null) return message;
  const session = response.data?.currentSession;
  if (!session) return 'This token does not belong to a session.';
  if (!session.isValid) return 'The session of this token is not valid.';
  return { kind: 'token', secret };
}

/** The server names a scope only to a key that it knows. */
function isMissingScope({ message, extensions }: GraphQLFailure): boolean {
  return extensions?.code === 'FORBIDDEN' && message.includes('does not have the scope');
}

/** Whether the server rejected the caller. Otherwise, it did not check the credential. */
function isRejection({ extensions }: GraphQLFailure): boolean {
  return extensions?.code === 'UNAUTHENTICATED' || extensions?.code === 'FORBIDDEN';
}
