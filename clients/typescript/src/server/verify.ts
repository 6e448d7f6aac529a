import { asError, SessiondError } from "../errors.js";
import { detailsOf } from "../transport/http.js";
import type { CheckedSession } from "./cache.js";

export interface VerifyOptions {
  /** The URL of `/verify`. */
  url: string;
  fetch: typeof fetch;
  timeout: number;
}

/** Asks the server. Returns null if the token opens no valid session. */
export async function verify({ url, fetch, timeout }: VerifyOptions, token: string): Promise<CheckedSession | null> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    // The body is empty. Reading it frees the connection for the next check.
    await response.arrayBuffer();
  } catch (problem) {
    throw asError(problem);
  }
  if (response.status === 401) return null;
  if (response.status !== 200) throw unexpected(response);
  const { headers } = response;
  const [sessionKey, userId, expiry] = ["x-session-key", "x-user-id", "x-session-expires-at"].map((name) =>
    headers.get(name),
  );
  const expiresAt = new Date(expiry ?? Number.NaN);
  if (!sessionKey || !userId || Number.isNaN(expiresAt.getTime())) throw unexpected(response);
  return {
    sessionKey,
    userId,
    expiresAt,
    mobile: headers.get("x-user-mobile") ?? "",
    username: decodeURIComponent(headers.get("x-user-name") ?? ""),
  };
}

function unexpected(response: Response): SessiondError {
  const code = response.status === 503 ? "UNAVAILABLE" : "BAD_RESPONSE";
  return new SessiondError(code, `/verify returned ${response.status}.`, detailsOf(response));
}
