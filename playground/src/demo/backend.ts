import type { Listening } from '@sessiond/client';
import type { AlertOptions } from '../api/listen';
import type { GraphQLResponse } from '../api/post';
import type { TypedDocumentString } from '../gql/graphql';

/** The connection of the demo to the server. */
export interface Backend {
  post<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    secret: string | null,
  ): Promise<GraphQLResponse<Result>>;
  listen(secret: string | null, options: AlertOptions): Listening;
}

/** The credential of the page, for the requests of a phone that has no token yet. */
export interface PageCaller {
  secret: string | null;
  isService: boolean;
  /** Whether the store may hold real users. Then the visitor is asked before a demo user is added. */
  asksToSignUp: boolean;
}
