import type { AlertFragment, LatestAlertsQuery } from '../gql/graphql';
import { type Answer, failed } from './post';

/**
 * Reads the newest of a user's alerts, newest first: `null` where the caller may not. Rejects where the server cannot say
 * now.
 */
export type ReadLog = (count: number) => Promise<readonly AlertFragment[] | null>;

/** The most that the server gives at once. */
export const wholeLog = 100;

/** Where one of these comes, it would come again. */
const final = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'INVALID_INPUT'];

export function logIn(answer: Answer<LatestAlertsQuery>): readonly AlertFragment[] | null {
  const user = answer.data?.user;
  if (user) return user.alerts.nodes;
  if (answer.errors?.every(({ extensions }) => !final.includes(extensions?.code ?? '')))
    throw new Error(failed(answer) ?? '');
  return null;
}
