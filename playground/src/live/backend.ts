import type { Connect } from '../api/alert-stream';
import type { Answer } from '../api/post';
import type { TypedDocumentString } from '../gql/graphql';

/** How the story reaches the server. */
export interface Backend {
  post<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    secret: string | null,
  ): Promise<Answer<Result>>;
  connect(secret: string | null): Connect;
}

/** Who the page is before a phone has a token. */
export interface PageCaller {
  secret: string | null;
  isService: boolean;
}
