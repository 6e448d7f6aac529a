/** The codes of the server, in `extensions.code` of an error. docs/errors and the schema explain each. */
export const SERVER_CODES = [
  "INVALID_INPUT",
  "INVALID_CREDENTIALS",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "MOBILE_TAKEN",
  "RATE_LIMITED",
  "UNAVAILABLE",
  "INTERNAL",
  "BAD_REQUEST",
  "PERSISTED_QUERY_NOT_FOUND",
  "PERSISTED_QUERY_MISMATCH",
  "FROZEN",
  "CURSOR_EXPIRED",
] as const;

/**
 * The codes of this package: `UNREACHABLE` if no response arrived, `BAD_RESPONSE` if the response
 * did not come from sessiond, `CLOSED` if the server closed a WebSocket with a code that a retry
 * would meet again.
 */
export const CLIENT_CODES = ["UNREACHABLE", "BAD_RESPONSE", "CLOSED"] as const;

/** A newer server may have further codes. Treat an unknown code as a failure, and show `message`. */
export type ErrorCode = (typeof SERVER_CODES)[number] | (typeof CLIENT_CODES)[number] | (string & {});

export interface ErrorDetails {
  /** The name of the input that broke a rule, if `code` is `INVALID_INPUT`. */
  field?: string | undefined;
  /** The time to wait before the next attempt, if the server named one. */
  retryAfterSeconds?: number | undefined;
  /** The HTTP status, if a response arrived. */
  status?: number | undefined;
  response?: GraphQLResponse | undefined;
  cause?: unknown;
}

/** The one error that this package throws, besides the `AbortError` of a signal. */
export class SessiondError extends Error {
  override readonly name = "SessiondError";
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly status: number | undefined;
  /** The response, if it was one of GraphQL: every error, and the data of the fields that succeeded. */
  readonly response: GraphQLResponse | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { field, retryAfterSeconds, status, response, cause }: ErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.field = field;
    this.retryAfterSeconds = retryAfterSeconds;
    this.status = status;
    this.response = response;
  }

  /** Whether the same request may succeed later without a change of its input. */
  get isTemporary(): boolean {
    return TEMPORARY.has(this.code);
  }
}

const TEMPORARY = new Set<string>(["UNREACHABLE", "BAD_RESPONSE", "UNAVAILABLE", "INTERNAL", "RATE_LIMITED"]);

/** An error in the response of a GraphQL server. */
export interface GraphQLError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: unknown; field?: unknown; retryAfterSeconds?: unknown };
}

/** The response of a GraphQL server. */
export interface GraphQLResponse {
  data?: Record<string, unknown> | null;
  errors?: readonly GraphQLError[];
}

/** Converts the first error of a response. The others follow from it or concern other fields. */
export function fromGraphQL(errors: readonly GraphQLError[], details: ErrorDetails = {}): SessiondError {
  const [error] = errors;
  const { code, field, retryAfterSeconds } = error?.extensions ?? {};
  return new SessiondError(
    typeof code === "string" ? code : "BAD_RESPONSE",
    error?.message ?? "The response has an empty list of errors.",
    {
      ...details,
      field: typeof field === "string" ? field : undefined,
      retryAfterSeconds: typeof retryAfterSeconds === "number" ? retryAfterSeconds : details.retryAfterSeconds,
    },
  );
}

/** Converts whatever `fetch` or a callback threw. */
export function asError(problem: unknown): SessiondError {
  if (problem instanceof SessiondError) return problem;
  const message = problem instanceof Error ? problem.message : String(problem);
  return new SessiondError("UNREACHABLE", `The server cannot be reached: ${message}`, { cause: problem });
}
