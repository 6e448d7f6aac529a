import { errorMessage, type GraphQLResponse, post } from '../api/post';
import { AlertPageDocument, FindUserDocument, SessionPageDocument } from '../gql/graphql';
import { currentCursor, PAGE_SIZE, type Trail, type UserData } from './user-view';

/** The positions in the two lists. */
export interface Trails {
  sessions: Trail;
  alerts: Trail;
}

/**
 * Reads a user with a page of sessions and of alerts. Returns `null` if no user has the number, or
 * an error message.
 */
export async function readUser(
  mobile: string,
  trails: Trails,
  secret: string | null,
): Promise<UserData | null | string> {
  const page = (trail: Trail) => ({ mobile, first: PAGE_SIZE, after: currentCursor(trail) });
  const [found, sessions, alerts] = await Promise.all([
    post(FindUserDocument, { mobile }, secret),
    post(SessionPageDocument, page(trails.sessions), secret),
    post(AlertPageDocument, page(trails.alerts), secret),
  ]);
  const error = firstError(found, sessions, alerts);
  if (error !== null) return error;
  const user = found.data?.user;
  const sessionList = sessions.data?.user?.sessions;
  const alertList = alerts.data?.user?.alerts;
  if (!user || !sessionList || !alertList) return null;
  return {
    user,
    sessions: { items: sessionList.nodes, total: sessionList.totalCount, next: nextCursor(sessionList.pageInfo) },
    alerts: { items: alertList.nodes, total: null, next: nextCursor(alertList.pageInfo) },
  };
}

function firstError(...responses: GraphQLResponse<unknown>[]): string | null {
  return responses.map(errorMessage).find((message) => message !== null) ?? null;
}

function nextCursor({ hasNextPage, endCursor }: { hasNextPage: boolean; endCursor: string | null }): string | null {
  return hasNextPage ? endCursor : null;
}
