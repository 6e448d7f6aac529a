import { type WaitOptions, waitForApproval } from "./approval.js";
import type { RetryOptions } from "./backoff.js";
import { endpointsOf } from "./endpoints.js";
import { SessiondError } from "./errors.js";
import { Follower, type Following, type FollowOptions } from "./follow.js";
import { CREATE_USER, CURRENT_SESSION, DECIDE_LOGIN, LOGIN, LOGOUT, RECENT_ALERTS } from "./generated/operations.js";
import { type AlertPosition, endOfLog, Listener, type Listening, type ListenOptions } from "./listen.js";
import type { Operation } from "./operation.js";
import { later, type Position } from "./position.js";
import { type Runtime, systemRuntime } from "./runtime.js";
import { type HttpOptions, post } from "./transport/http.js";
import { sseTransport } from "./transport/sse.js";
import type { Transport } from "./transport/types.js";
import { type WebSocketConstructor, webSocketTransport } from "./transport/websocket.js";
import type {
  Alert,
  Approval,
  CreatedUser,
  CreateUserInput,
  Decision,
  LoginInput,
  LoginResult,
  Session,
  SessionEvent,
} from "./types.js";

export interface ClientOptions {
  /** The address of the server, such as `https://sessions.example.com`. Default in a page: its own server. */
  url?: string | URL;
  /** The token of a session that exists already, for example from `sessionStorage`. */
  token?: string | null;
  /**
   * Keeps the token in a cookie that no script can read, instead of in this client. Only for pages of
   * the server's own site. The client of a new page has the session of the cookie, if there is one.
   */
  cookie?: boolean;
  /** Called with each new token, and with null after `logout`. Store it if the login must survive a reload. */
  onToken?(token: string | null): void;
  /** Sent with `login` and `createUser` unless their input has one: a secret of at least 128 random bits. */
  deviceId?: string;
  /**
   * How alerts are received. Default: `websocket` if the runtime has `WebSocket` or `webSocketImpl`
   * is given, and `sse` (server-sent events over `fetch`) otherwise, for example on Node 20.
   */
  transport?: "websocket" | "sse";
  /** A constructor with the interface of `WebSocket`, such as that of the package `ws`. */
  webSocketImpl?: WebSocketConstructor;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** The delays before a connection is opened again. */
  retry?: RetryOptions;
  /** The time for a response, and for a connection to open, in milliseconds. Default: 15,000. */
  timeout?: number;
  /** The time between two checks of an open WebSocket, in milliseconds. Default: 15,000. */
  pingInterval?: number;
  /**
   * The time without a byte after which an event stream is opened again, in milliseconds. Set it to
   * more than twice the server's `--keep-alive`. Default: 45,000.
   */
  silence?: number;
  /** Time and randomness, for tests. */
  runtime?: Runtime;
}

export interface DecideOptions {
  /** The number that the waiting device shows. Required to approve if the server matches numbers. */
  matchNumber?: number | null | undefined;
}

/** The alerts at the end of the log, oldest first, and the position after them. */
export interface RecentAlerts {
  alerts: readonly Alert[];
  cursor: string;
}

/** The start of every token of a session. Any other text is a service key. */
const TOKEN_PREFIX = "sd1_";

/** Creates a client. It opens no connection before it is used. */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}

/** One device of a user: its token, its requests and its alerts. */
export class Client {
  private readonly http: HttpOptions;
  private readonly transport: Transport;
  private readonly runtime: Runtime;
  private currentToken: string | null;
  /** Whether there may be a session: with a cookie this is not known before the server is asked. */
  private isOpen: boolean;
  private logins = 0;
  /** The key of the session, if this client has opened it. */
  private sessionKey: string | null = null;
  /** The position after the login or after the newest alert that was received. */
  private position: Position | null = null;
  private readonly tokenListeners = new Set<() => void>();

  constructor(private readonly options: ClientOptions) {
    const { graphql, socket } = endpointsOf(options.url);
    const timeout = options.timeout ?? 15_000;
    this.runtime = options.runtime ?? systemRuntime;
    this.currentToken = options.token ?? null;
    const cookie = options.cookie ?? false;
    if (cookie && this.currentToken !== null) throw new TypeError("`cookie` and `token` exclude each other");
    this.isOpen = cookie || this.currentToken !== null;
    // A browser's `fetch` must be called without a receiver.
    const send: typeof fetch = options.fetch ?? ((...request) => fetch(...request));
    this.http = { url: graphql, fetch: send, timeout, cookie };
    const webSocket = options.webSocketImpl ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
    const { runtime } = this;
    if (options.transport === "sse" || (!options.transport && !webSocket)) {
      this.transport = sseTransport({ url: graphql, fetch: send, cookie, runtime, silence: options.silence ?? 45_000 });
    } else if (webSocket) {
      const pingInterval = options.pingInterval ?? 15_000;
      this.transport = webSocketTransport({ url: socket, webSocket, runtime, pingInterval, timeout });
    } else throw new TypeError("this runtime has no WebSocket: set `webSocketImpl`, or `transport` to `sse`");
  }

  /** The token of the session. Null before the login, after the logout, and if a cookie has it. */
  get token(): string | null {
    return this.currentToken;
  }

  /** Whether a cookie has the token. */
  get usesCookie(): boolean {
    return this.http.cookie === true;
  }

  /** False before the login and after the logout. With a cookie, true until the logout. */
  get mayHaveSession(): boolean {
    return this.isOpen;
  }

  /** Rises with each login, each logout and each other token. */
  get generation(): number {
    return this.logins;
  }

  /** Registers a user and logs this device in. */
  async createUser(input: CreateUserInput): Promise<CreatedUser> {
    const { createUser } = await this.enterRequest(CREATE_USER, this.withDevice(input));
    const { message, token, session, user } = createUser;
    this.enter(token, session.sessionKey, user.alertCursor);
    return { message, token, session, alertCursor: user.alertCursor };
  }

  /**
   * Logs this device in. A login that is refused is no error: read `outcome`. If it is
   * `AWAITING_APPROVAL`, show `matchNumber` and call `waitForApproval`. The token that the client
   * holds is not sent, unless it is a service key. A login that is refused leaves it as it is.
   */
  async login(input: LoginInput): Promise<LoginResult> {
    const { login } = await this.enterRequest(LOGIN, this.withDevice(input));
    const { outcome, message, token, session, user, matchNumber, retryAfterSeconds } = login;
    if (session) this.enter(token, session.sessionKey, user.alertCursor);
    return { outcome, message, token, session, matchNumber, retryAfterSeconds };
  }

  /** Waits until the user's other device has approved or denied the login of this one. */
  waitForApproval(options: WaitOptions = {}): Promise<Approval> {
    this.requireSession();
    return waitForApproval(this, options);
  }

  /** Approves or denies a login, by the `attempt.id` of its `LOGIN_PENDING` alert. */
  async decide(attemptId: string, decision: Decision, { matchNumber }: DecideOptions = {}): Promise<void> {
    const number = matchNumber == null ? {} : { matchNumber };
    await this.request(DECIDE_LOGIN, { input: { attemptId, decision, ...number } });
  }

  /**
   * The session of the token, or null. It may have ended: read `status`. The request counts as
   * activity, which restarts the session's idle timeout.
   */
  async currentSession(): Promise<Session | null> {
    if (!this.isOpen) return null;
    return (await this.request(CURRENT_SESSION, {})).currentSession;
  }

  /** Ends the session on the server, and then forgets its token. Succeeds if it has ended already. */
  async logout(): Promise<void> {
    if (!this.isOpen) return;
    const { generation } = this;
    // Another page may have replaced the cookie.
    const known = this.usesCookie ? null : this.sessionKey;
    const sessionKey = known ?? (await this.currentSession())?.sessionKey;
    try {
      if (sessionKey) await this.request(LOGOUT, { input: { sessionKey } });
    } catch (problem) {
      if (!(problem instanceof SessiondError && problem.code === "UNAUTHENTICATED")) throw problem;
    }
    if (generation === this.generation) this.replaceToken(null, null, null, false);
  }

  /**
   * Receives each alert once, over lost connections, restarts and sleep, until the session has ended.
   * With `mobile`, the client needs a service key, except in development mode.
   */
  listen<Received extends AlertPosition = Alert>(options: ListenOptions<Received> = {}): Listening {
    if (options.mobile === undefined) this.requireSession();
    const { http, generation, currentToken: token } = this;
    return new Listener<Received>(
      {
        ...this.streaming,
        start: async () => {
          const { after } = options;
          if (after !== undefined) return { cursor: typeof after === "string" ? after : await after(), sequence: 0 };
          const known = options.mobile === undefined && generation === this.generation ? this.position : null;
          return known ?? endOfLog(http, token, options.mobile);
        },
        advanced: (position) => {
          if (generation === this.generation) this.position = later(this.position, position);
        },
      },
      options,
    );
  }

  /**
   * Follows the sessions of all users, over lost connections and restarts, without a gap. For back ends
   * and consoles: the client needs a service key with the scope `check`, except in development mode.
   */
  follow<Event extends Pick<SessionEvent, "cursor"> = SessionEvent>(options: FollowOptions<Event> = {}): Following {
    return new Follower<Event>(this.streaming, options);
  }

  /** Reads the end of the alert log, for example after a reload. Listen after its `cursor`. */
  async recentAlerts(first = 20): Promise<RecentAlerts> {
    const { currentSession } = await this.request(RECENT_ALERTS, { first });
    if (!currentSession) throw new SessiondError("UNAUTHENTICATED", "The token opens no session.");
    const { alertCursor, alerts } = currentSession.user;
    return { alerts: [...alerts.nodes].reverse(), cursor: alertCursor };
  }

  /** Sends a query or a mutation of the app with the token, and returns its data. */
  request<Result = Record<string, unknown>, Variables = Record<string, unknown>>(
    query: string | Operation<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result> {
    return post(this.http, query as Operation<Result, Variables>, variables, { token: this.currentToken, signal });
  }

  /** Uses another token from now on. Listeners keep theirs. */
  setToken(token: string | null) {
    if (this.usesCookie) throw new TypeError("the cookie has the token");
    if (token !== this.currentToken) this.replaceToken(token, null, null, token !== null);
  }

  /** Calls `listener` after each change of the token. Returns a function that ends this. */
  onTokenChange(listener: () => void): () => void {
    this.tokenListeners.add(listener);
    return () => this.tokenListeners.delete(listener);
  }

  /**
   * Sends a service key, which vouches for the user, but no token of a session: it would not help,
   * and may belong to an ended session or to another user.
   */
  private enterRequest<Result, Input>(query: Operation<Result, { input: Input }>, input: Input): Promise<Result> {
    const token = this.currentToken?.startsWith(TOKEN_PREFIX) ? null : this.currentToken;
    return post(this.http, query, { input }, { token });
  }

  private enter(token: string | null, sessionKey: string, cursor: string) {
    this.replaceToken(token, sessionKey, { cursor, sequence: 0 }, true);
  }

  private replaceToken(token: string | null, sessionKey: string | null, position: Position | null, isOpen: boolean) {
    this.logins += 1;
    this.isOpen = isOpen;
    this.currentToken = token;
    this.sessionKey = sessionKey;
    this.position = position;
    if (!this.usesCookie) this.options.onToken?.(token);
    for (const listener of [...this.tokenListeners]) listener();
  }

  private get streaming() {
    const { http, transport, runtime, currentToken: token } = this;
    return { http, transport, runtime, token, retry: this.options.retry ?? {} };
  }

  private requireSession() {
    if (!this.isOpen) throw new SessiondError("UNAUTHENTICATED", "The client has no token: log in first.");
  }

  private withDevice<Input extends { deviceId?: unknown; cookie?: unknown }>(input: Input): Input {
    const { deviceId } = this.options;
    const own = deviceId === undefined ? input : { deviceId, ...input };
    return this.usesCookie ? { ...own, cookie: true } : own;
  }
}
