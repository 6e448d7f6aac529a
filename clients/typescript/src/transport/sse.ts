import { asError, fromGraphQL, type GraphQLError, SessiondError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { badResponse, credentials, detailsOf, type HttpOptions, headers } from "./http.js";
import { type Close, type Connection, once, type StreamRequest, type StreamSink, type Transport } from "./types.js";

export interface SseTransportOptions extends Omit<HttpOptions, "timeout"> {
  runtime: Runtime;
  /**
   * The time without a byte after which the connection is given up, in milliseconds. It must exceed
   * `--keep-alive` of the server.
   */
  silence: number;
}

/** The time without a byte after which `probe` gives the connection up. */
const PROBE_SILENCE = 25_000;

/**
 * Server-sent events over `fetch`, in distinct connections mode, for runtimes without a WebSocket
 * and for proxies that block it.
 */
export function sseTransport(options: SseTransportOptions): Transport {
  return (request, sink) => new EventStream(options, request, sink);
}

class EventStream implements Connection {
  private readonly abort = new AbortController();
  private readonly sink: ReturnType<typeof once>;
  private cancelTimer: () => void = () => undefined;
  private lastByteAt: number;

  constructor(
    private readonly options: SseTransportOptions,
    request: StreamRequest,
    sink: StreamSink,
  ) {
    this.sink = once(sink, () => {
      this.cancelTimer();
      this.abort.abort();
    });
    this.lastByteAt = options.runtime.now();
    this.watch();
    void this.run(request).then(
      (close) => this.sink.closed(close),
      (problem) => this.sink.closed({ kind: "lost", error: asError(problem) }),
    );
  }

  close() {
    this.sink.cancel();
  }

  probe() {
    if (this.options.runtime.now() - this.lastByteAt > PROBE_SILENCE) this.lose();
  }

  private async run({ query, variables, token }: StreamRequest): Promise<Close> {
    const { url, fetch, cookie } = this.options;
    const response = await fetch(url, {
      method: "POST",
      headers: headers(token, "text/event-stream"),
      ...credentials(cookie),
      body: JSON.stringify({ query, variables }),
      signal: this.abort.signal,
      cache: "no-store",
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (!response.ok || !isStream || !response.body) return refusal(response);
    this.sink.opened();
    let text = "";
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { kind: "lost", error: unfinished(), prompt: true };
      this.heard();
      text += decoder.decode(value, { stream: true });
      // The server ends lines with a line feed, and no proxy may change the body.
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) if (this.handle(event)) return { kind: "completed" };
    }
  }

  /** Handles one event, and returns whether it was the last one. */
  private handle(event: string): boolean {
    const lines = event.split("\n");
    const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
    if (lines.includes("event: next")) this.sink.next(JSON.parse(data.join("\n")));
    return lines.includes("event: complete");
  }

  private heard() {
    this.lastByteAt = this.options.runtime.now();
    this.watch();
  }

  private watch() {
    this.cancelTimer();
    this.cancelTimer = this.options.runtime.after(this.options.silence, () => this.lose());
  }

  private lose() {
    const error = new SessiondError("UNREACHABLE", "The server has stopped responding.");
    this.sink.closed({ kind: "lost", error });
  }
}

function unfinished() {
  return new SessiondError("UNREACHABLE", "The stream ended without a `complete` event.");
}

/** The end of a stream that the server did not start. */
async function refusal(response: Response): Promise<Close> {
  const body = (await response.json().catch(() => null)) as { errors?: GraphQLError[] } | null;
  const error = body?.errors ? fromGraphQL(body.errors, detailsOf(response)) : badResponse(response);
  return { kind: error.isTemporary ? "lost" : "refused", error };
}
