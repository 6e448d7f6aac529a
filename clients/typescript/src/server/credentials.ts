/** The parts of a request that authenticate it. */
export interface RequestHead {
  method: string;
  /** Returns the value of a header by its name in lower case. */
  header(name: string): string | readonly string[] | null | undefined;
}

export interface CookieOptions {
  /**
   * The name of the session's cookie. Default: `__Host-sessiond`. It is `__Secure-sessiond` with
   * `--cookie-domain`, and `sessiond-dev` in development mode. Null accepts tokens in headers only.
   */
  cookieName?: string | null;
  /**
   * The origins besides the back end's own whose pages may change something with the cookie, such as
   * `https://app.example.com`.
   */
  allowedOrigins?: readonly string[];
}

/** The token of a request, or why the request is refused. */
export type Credentials = { token: string | null } | { refusal: "REPEATED_COOKIE" | "FOREIGN_PAGE" };

const COOKIE_NAME = "__Host-sessiond";
/** The start of every token of a session. */
const TOKEN_PREFIX = "sd1_";
/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Finds the token by the rule of the server's `/verify`: a session's token after `Bearer`, or else the
 * cookie. Another text after `Bearer` counts only without a cookie, because it may belong to the app.
 *
 * `/verify` leaves cross-site requests to the app, and this is the app: a request that the cookie
 * authenticates and that changes something must come from a page of the app.
 */
export function credentialsOf(
  request: RequestHead,
  { cookieName = COOKIE_NAME, allowedOrigins = [] }: CookieOptions,
): Credentials {
  const bearer = bearerOf(textOf(request, "authorization"));
  if (bearer?.startsWith(TOKEN_PREFIX)) return { token: bearer };
  const [cookie, other] = cookieName === null ? [] : cookies(textOf(request, "cookie"), cookieName);
  if (other !== undefined) return { refusal: "REPEATED_COOKIE" };
  if (!cookie) return { token: bearer };
  if (changesSomething(request) && !isOwnPage(request, allowedOrigins)) return { refusal: "FOREIGN_PAGE" };
  return { token: cookie };
}

/** The text after `Bearer`; null if there is none. */
export function bearerOf(authorization: string | null | undefined): string | null {
  const text = /^Bearer +(.*\S) *$/i.exec(authorization ?? "")?.[1] ?? null;
  // A text with spaces can be no token. If it begins as one, it is a wrong token, as for the server.
  return text?.includes(" ") && !text.startsWith(TOKEN_PREFIX) ? null : text;
}

/** The values of the cookies of a name. Only spaces and tabs are removed: other white space is a part of a name. */
function cookies(header: string | undefined, name: string): string[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [key = "", ...value] = pair.split("=");
    return value.length > 0 && trim(key) === name ? [trim(value.join("="))] : [];
  });
}

const trim = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, "");

function changesSomething(request: RequestHead): boolean {
  return !SAFE.has(request.method.toUpperCase()) || textOf(request, "upgrade") !== undefined;
}

/** Whether a browser sent the request for a page of the app's own origin, or of an allowed one. */
function isOwnPage(request: RequestHead, allowedOrigins: readonly string[]): boolean {
  const origin = textOf(request, "origin");
  if (origin !== undefined && allowedOrigins.includes(origin)) return true;
  const site = textOf(request, "sec-fetch-site");
  // An older browser does not send it.
  return site === undefined
    ? origin !== undefined && hostOf(origin) === textOf(request, "host")
    : site === "same-origin";
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

function textOf(request: RequestHead, name: string): string | undefined {
  const value = request.header(name) ?? undefined;
  // Only `cookie` may have several lines in a valid request.
  return typeof value === "string" || value === undefined ? value : value.join("; ");
}
