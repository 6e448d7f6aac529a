import * as crypto from "node:crypto";
import type { RetryOptions } from "../backoff.js";
import { endpointsOf } from "../endpoints.js";
import { asError, type SessiondError } from "../errors.js";
import { type Runtime, systemRuntime } from "../runtime.js";
import type { ConnectionState } from "../stream.js";
import { sseTransport } from "../transport/sse.js";
import { type CheckedSession, SessionCache } from "./cache.js";
import { bearerOf, type CookieOptions, type Credentials, credentialsOf, type RequestHead } from "./credentials.js";
import { Feed } from "./feed.js";
import { type VerifyOptions, verify } from "./verify.js";

export interface CheckerOptions extends CookieOptions {
  /** The address of the server, such as `http://127.0.0.1:3000`. */
  url: string | URL;
  /**
   * A service key with the scope `check`. With it, the checker learns at once when a session ends,
   * if the server has the feed `sessionEvents`.
   */
  key?: string;
  /**
   * For how long the end of a session may stay unknown, in milliseconds, at most 60,000. 0 asks the
   * server for each check. Default: 10,000.
   */
  maxStaleness?: number;
  /** The number of sessions in memory. Default: 10,000, which need about 10 MB. */
  maxSessions?: number;
  /** The time for a response of the server in milliseconds. Default: 5,000. */
  timeout?: number;
  /**
   * The delays before the feed is opened again. Default: 0.5 to 5 s. If the server refuses the feed,
   * they grow to twelve times the largest one.
   */
  retry?: RetryOptions;
  /** The state of the feed, for a log or a metric. */
  onFeed?(state: ConnectionState): void;
  /**
   * Called if the server has no feed or refuses it, for example because the key is not valid yet. The
   * checker then asks `/verify` more often, until the server accepts a later attempt.
   */
  onFeedRefused?(error: SessiondError): void;
  fetch?: typeof fetch;
  runtime?: Runtime;
}

/** An answer of `/verify` is never kept for longer, because asking restarts the session's idle timeout. */
const MAX_AGE = 60_000;
/** A longer one cannot be a token, and is not sent. */
const MAX_TOKEN_LENGTH = 512;

/** The result of a check, with the status and the headers of the response if the request must be refused. */
export type Verdict =
  | { status: 200; session: CheckedSession }
  | { status: 400 | 401 | 403 | 503; headers: Record<string, string>; message: string; error?: SessiondError };

const REFUSALS = {
  REPEATED_COOKIE: { status: 400, headers: {}, message: "The request has two cookies of the session's name." },
  FOREIGN_PAGE: { status: 403, headers: {}, message: "The request does not come from a page of this site." },
} satisfies Record<string, Verdict>;

/** Creates a checker of tokens. Create one for each process, and close it at the end. */
export function createChecker(options: CheckerOptions): Checker {
  return new Checker(options);
}

/** Checks tokens from memory, and asks the server if its memory is too old. */
export class Checker {
  private readonly verifyOptions: VerifyOptions;
  private readonly runtime: Runtime;
  private readonly maxStaleness: number;
  private readonly cache: SessionCache;
  private readonly running = new Map<string, Promise<CheckedSession | null>>();
  private readonly cookieOptions: CookieOptions;
  private feed: Feed | null = null;

  constructor(options: CheckerOptions) {
    const { url, key, maxStaleness = 10_000, maxSessions = 10_000, timeout = 5_000, retry = {} } = options;
    if (!(maxStaleness >= 0 && maxStaleness <= MAX_AGE)) {
      throw new RangeError(`maxStaleness must be from 0 to ${MAX_AGE}, and is ${maxStaleness}`);
    }
    if (!(maxSessions >= 1)) throw new RangeError(`maxSessions must be at least 1, and is ${maxSessions}`);
    const { verify: verifyUrl, graphql } = endpointsOf(url);
    const send: typeof fetch = options.fetch ?? ((...request) => fetch(...request));
    this.verifyOptions = { url: verifyUrl, fetch: send, timeout };
    this.runtime = options.runtime ?? systemRuntime;
    this.maxStaleness = maxStaleness;
    this.cache = new SessionCache(maxSessions);
    this.cookieOptions = options;
    if (key === undefined || maxStaleness === 0) return;
    const { runtime, cache } = this;
    this.feed = new Feed({
      http: { url: graphql, fetch: send, timeout },
      transport: sseTransport({ url: graphql, fetch: send, runtime, silence: 20_000 }),
      runtime,
      retry: { max: 5_000, ...retry },
      key,
      cache,
      onConnection: (state) => options.onFeed?.(state),
      onRefused: (error) => options.onFeedRefused?.(error),
    });
  }

  /**
   * Returns the session of a token, or null if the token opens no valid session.
   *
   * @throws {SessiondError} if the memory is too old and the server does not respond. Refuse the
   * request then.
   */
  async check(token: string | null | undefined): Promise<CheckedSession | null> {
    if (!token || token.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token)) return null;
    const hash = hashOf(token);
    // A shared answer may be older than the request, so without any staleness each check asks.
    return (
      this.fromMemory(hash) ?? (this.maxStaleness === 0 ? verify(this.verifyOptions, token) : this.ask(hash, token))
    );
  }

  /**
   * Checks a request, for any framework: the token in its `Authorization` header or in the session's
   * cookie. With the cookie, a request that changes something must come from a page of the back end's
   * own origin or of `allowedOrigins`, and gets 403 otherwise. A text is the value of an `Authorization`
   * header.
   */
  async authenticate(request: RequestHead | string | null | undefined): Promise<Verdict> {
    const credentials = this.credentialsOf(request);
    if ("refusal" in credentials) return REFUSALS[credentials.refusal];
    const { token } = credentials;
    try {
      const session = await this.check(token);
      if (session) return { status: 200, session };
    } catch (problem) {
      const error = asError(problem);
      const headers = { "retry-after": String(error.retryAfterSeconds ?? 1) };
      return { status: 503, headers, message: "The session cannot be checked now.", error };
    }
    const challenge = token === null ? "Bearer" : 'Bearer error="invalid_token"';
    return { status: 401, headers: { "www-authenticate": challenge }, message: "No valid session." };
  }

  /** Forgets a session, for example after this process has ended it. */
  forget(sessionKey: string) {
    this.cache.removeSession(sessionKey);
  }

  /** Closes the feed. */
  close() {
    this.feed?.stop();
    this.feed = null;
    this.cache.clear();
  }

  private credentialsOf(request: RequestHead | string | null | undefined): Credentials {
    if (typeof request === "object" && request !== null) return credentialsOf(request, this.cookieOptions);
    return { token: bearerOf(request) };
  }

  private fromMemory(hash: string): CheckedSession | null {
    const entry = this.cache.get(hash);
    if (!entry) return null;
    const { session, checkedAt } = entry;
    const now = this.runtime.now();
    const isCovered = this.feed !== null && checkedAt >= this.feed.startedAt;
    const knownAt = isCovered ? Math.max(checkedAt, this.feed?.currentAt ?? checkedAt) : checkedAt;
    // A clock that was set back makes every age negative. Such an entry is too old as well.
    const age = now - checkedAt;
    const isFresh = age >= 0 && age < MAX_AGE && now - knownAt < this.maxStaleness;
    return isFresh && now < session.expiresAt.getTime() ? session : null;
  }

  /** Asks the server. Requests with one token at the same time ask once. */
  private ask(hash: string, token: string): Promise<CheckedSession | null> {
    const running = this.running.get(hash);
    if (running) return running;
    const answer = this.askOnce(hash, token).finally(() => this.running.delete(hash));
    this.running.set(hash, answer);
    return answer;
  }

  private async askOnce(hash: string, token: string): Promise<CheckedSession | null> {
    const checkedAt = this.runtime.now();
    const since = this.cache.removals;
    const session = await verify(this.verifyOptions, token);
    if (!session) this.cache.delete(hash);
    else if (!this.cache.insert(hash, { session, checkedAt }, since)) return verify(this.verifyOptions, token);
    return session;
  }
}

/** Tokens are kept as hashes only, so that a dump of the memory opens no session. */
function hashOf(token: string): string {
  // `crypto.hash` of Node 20.12 is twice as fast.
  return crypto.hash
    ? crypto.hash("sha256", token, "base64")
    : crypto.createHash("sha256").update(token).digest("base64");
}
