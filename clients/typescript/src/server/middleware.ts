import type { CheckedSession } from "./cache.js";
import type { Checker } from "./checker.js";

// The types are the parts of the frameworks that are used, so that none of them is a dependency.

interface NodeRequest {
  method?: string | undefined;
  headers: Record<string, string | string[] | undefined>;
}

interface ExpressResponse {
  status(code: number): ExpressResponse;
  set(headers: Record<string, string>): ExpressResponse;
  json(body: unknown): unknown;
}

/** A request that passed the middleware for Express or the hook for Fastify. */
export interface WithSession {
  sessiond: CheckedSession;
}

/**
 * Middleware for Express. The token is in the `Authorization` header or in the session's cookie.
 * Requests without a valid session get 401. The others have `req.sessiond`.
 */
export function expressSession(checker: Checker) {
  return async (request: NodeRequest, response: ExpressResponse, next: (problem?: unknown) => void) => {
    const verdict = await checker.authenticate(headOf(request));
    if (verdict.status !== 200) {
      response.status(verdict.status).set(verdict.headers).json({ error: verdict.message });
      return;
    }
    (request as NodeRequest & WithSession).sessiond = verdict.session;
    next();
  };
}

interface FastifyReply {
  code(code: number): FastifyReply;
  headers(headers: Record<string, string>): FastifyReply;
  send(body: unknown): unknown;
}

/**
 * A hook `onRequest` for Fastify. The token is in the `Authorization` header or in the session's
 * cookie. Requests without a valid session get 401. The others have `request.sessiond`.
 */
export function fastifySession(checker: Checker) {
  return async (request: NodeRequest, reply: FastifyReply) => {
    const verdict = await checker.authenticate(headOf(request));
    if (verdict.status !== 200) {
      return reply.code(verdict.status).headers(verdict.headers).send({ error: verdict.message });
    }
    (request as NodeRequest & WithSession).sessiond = verdict.session;
  };
}

interface HonoContext {
  req: { method: string; header(name: string): string | undefined };
  set(name: "sessiond", session: CheckedSession): void;
  json(body: object, status: 400 | 401 | 403 | 503, headers: Record<string, string>): Response;
}

/**
 * Middleware for Hono. The token is in the `Authorization` header or in the session's cookie. Requests
 * without a valid session get 401. The others have `c.get("sessiond")`.
 */
export function honoSession(checker: Checker) {
  return async (context: HonoContext, next: () => Promise<void>) => {
    const { req } = context;
    const verdict = await checker.authenticate({ method: req.method, header: (name) => req.header(name) });
    if (verdict.status !== 200) return context.json({ error: verdict.message }, verdict.status, verdict.headers);
    context.set("sessiond", verdict.session);
    await next();
  };
}

function headOf({ method = "", headers }: NodeRequest) {
  return { method, header: (name: string) => headers[name] };
}
