import { fromGraphQL, type GraphQLError, SessiondError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { type Close, type Connection, once, type StreamResult, type Transport } from "./types.js";

/** The part of the standard `WebSocket` that is used. The package `ws` has it too. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

export interface WebSocketTransportOptions {
  url: string;
  webSocket: WebSocketConstructor;
  runtime: Runtime;
  /** The time between two pings in milliseconds. */
  pingInterval: number;
  /** The time for a connection to open, and for the response to a ping after `probe`. */
  timeout: number;
}

/** An id of the subscription: each socket has only this one. */
const ID = "1";
const CONNECTING = 0;
const OPEN = 1;

interface Message {
  type: string;
  payload?: unknown;
}

/**
 * The protocol graphql-transport-ws with one subscription for each socket. Browsers do not show the
 * ping frames of the server, so the client sends pings of its own. A socket that stays silent is
 * given up: its close event may come minutes later, or never.
 */
export function webSocketTransport(options: WebSocketTransportOptions): Transport {
  return (request, sink) => new Socket(options, request, sink);
}

class Socket implements Connection {
  private readonly socket: WebSocketLike;
  private readonly sink: ReturnType<typeof once>;
  private cancelTimer: () => void = () => undefined;
  private awaitsPong = false;

  constructor(
    private readonly options: WebSocketTransportOptions,
    { query, variables, token }: Parameters<Transport>[0],
    sink: Parameters<Transport>[1],
  ) {
    this.sink = once(sink, () => this.release());
    this.socket = new options.webSocket(options.url, "graphql-transport-ws");
    this.socket.onopen = () => {
      this.send({ type: "connection_init", payload: token === null ? {} : { authorization: `Bearer ${token}` } });
    };
    this.socket.onmessage = ({ data }: { data: unknown }) => {
      const message = parse(data);
      this.awaitsPong = false;
      if (message?.type === "connection_ack") {
        this.send({ type: "subscribe", id: ID, payload: { query, variables } });
        this.keepAlive();
        this.sink.opened();
      } else if (message) this.receive(message);
    };
    this.socket.onerror = () => undefined; // A close event follows.
    this.socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      this.sink.closed(closeOf(code, String(reason)));
    this.setTimer(options.timeout, () => this.lose("The server did not accept the connection in time."));
  }

  close() {
    this.sink.cancel();
  }

  probe() {
    if (this.sink.done || this.socket.readyState !== OPEN) return;
    this.ping(this.options.timeout);
  }

  private receive({ type, payload }: Message) {
    if (type === "next") this.sink.next(payload as StreamResult);
    else if (type === "ping") this.send({ type: "pong" });
    else if (type === "complete") this.sink.closed({ kind: "completed" });
    else if (type === "error") this.sink.closed({ kind: "refused", error: fromGraphQL(payload as GraphQLError[]) });
  }

  private keepAlive() {
    this.setTimer(this.options.pingInterval, () => this.ping(this.options.pingInterval));
  }

  /** Sends a ping, and gives the socket up if no message arrives within `deadline`. */
  private ping(deadline: number) {
    this.awaitsPong = true;
    this.send({ type: "ping" });
    this.setTimer(deadline, () => {
      if (this.awaitsPong) this.lose("The server has stopped responding.");
      else this.keepAlive();
    });
  }

  private lose(message: string) {
    this.sink.closed({ kind: "lost", error: new SessiondError("UNREACHABLE", message) });
  }

  private send(message: object) {
    if (this.socket.readyState === OPEN) this.socket.send(JSON.stringify(message));
  }

  private setTimer(milliseconds: number, run: () => void) {
    this.cancelTimer();
    this.cancelTimer = this.options.runtime.after(milliseconds, run);
  }

  private release() {
    this.cancelTimer();
    // The package `ws` reports an error if a socket is closed before it is open, so `onerror` stays.
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    if (this.socket.readyState === CONNECTING || this.socket.readyState === OPEN) this.socket.close(1000);
  }
}

function parse(data: unknown): Message | null {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === "object" && message !== null && "type" in message ? (message as Message) : null;
  } catch {
    return null;
  }
}

/** The close codes of docs/transport.md after which a retry would fail in the same way. */
const FINAL = new Set([1002, 1007, 1009, 4400, 4401, 4409, 4429, 4440]);
const SHUTS_DOWN = 1001;
/** Reported by the runtime if the connection failed, or broke without a close frame. */
const BROKEN = 1006;
const INVALID_CREDENTIALS = 4403;
const KEY_REVOKED = 4442;

export function closeOf(code: number, reason: string): Close {
  if (code === INVALID_CREDENTIALS || code === KEY_REVOKED) {
    const message = reason || "The credentials are not valid.";
    return { kind: "refused", error: new SessiondError("UNAUTHENTICATED", message) };
  }
  const message =
    code === BROKEN
      ? "The WebSocket connection failed."
      : `The server closed the WebSocket: ${code} ${reason}`.trimEnd();
  if (FINAL.has(code)) return { kind: "refused", error: new SessiondError("CLOSED", message) };
  return { kind: "lost", error: new SessiondError("UNREACHABLE", message), prompt: code === SHUTS_DOWN };
}
