import { errorMessage, type GraphQLResponse } from '../api/post';
import type { WhoAmIQuery } from '../gql/graphql';

/** The owner of a token, or the reason why it is unknown. */
export type Owner = { mobile: string } | { reason: string };

export function ownerFrom(response: GraphQLResponse<WhoAmIQuery>): Owner {
  const session = response.data?.currentSession;
  if (session) return { mobile: session.user.mobile };
  return { reason: errorMessage(response) ?? 'This token does not belong to a session.' };
}
