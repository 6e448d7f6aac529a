export { SessiondError } from "../errors.js";
export type { CheckedSession } from "./cache.js";
export { Checker, type CheckerOptions, createChecker, type Verdict } from "./checker.js";
export type { CookieOptions, RequestHead } from "./credentials.js";
export { expressSession, fastifySession, honoSession, type WithSession } from "./middleware.js";
