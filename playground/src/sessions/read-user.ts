import { type Answer, failed, post } from '../api/post';
import { AlertPageDocument, FindUserDocument, SessionPageDocument } from '../gql/graphql';
import { here, pageSize, type Trail, type UserData } from './user-view';

/** Where one list stands, and where the other. */
export interface Trails {
  sessions: Trail;
  alerts: Trail;
}

/** A user with a page of sessions and one of alerts; `null` where there is none, and a sentence where it failed. */
export async function readUser(
  mobile: string,
  trails: Trails,
  secret: string | null,
): Promise<UserData | null | string> {
  const page = (trail: Trail) => ({ mobile, first: pageSize, after: here(trail) });
  const [found, sessions, alerts] = await Promise.all([
    post(FindUserDocument, { mobile }, secret),
    post(SessionPageDocument, page(trails.sessions), secret),
    post(AlertPageDocument, page(trails.alerts), secret),
  ]);
  const failure = firstFailure(found, sessions, alerts);
  if (failure !== null) return failure;
  const user = found.data?.user;
  const sessionList = sessions.data?.user?.sessions;
  const alertList = alerts.data?.user?.alerts;
  if (!user || !sessionList || !alertList) return null;
  return {
    user,
    sessions: { items: sessionList.nodes, total: sessionList.totalCount, next: nextOf(sessionList.pageInfo) },
    alerts: { items: alertList.nodes, total: null, next: nextOf(alertList.pageInfo) },
  };
}

function firstFailure(...answers: Answer<unknown>[]): string | null {
  return answers.map(failed).find((failure) => failure !== null) ?? null;
}

function nextOf({ hasNextPage, endCursor }: { hasNextPage: boolean; endCursor: string | null }): string | null {
  return hasNextPage ? endCursor : null;
}
