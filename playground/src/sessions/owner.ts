import { type Answer, failed } from '../api/post';
import type { WhoAmIQuery } from '../gql/graphql';

/** Whose token it is, or why that is not known. */
export type Owner = { mobile: string } | { why: string };

export function ownerIn(answer: Answer<WhoAmIQuery>): Owner {
  const session = answer.data?.currentSession;
  if (session) return { mobile: session.user.mobile };
  return { why: failed(answer) ?? 'This token belongs to no session.' };
}
