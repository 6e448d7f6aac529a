export type { WaitOptions } from "./approval.js";
export type { RetryOptions } from "./backoff.js";
export { Client, type ClientOptions, createClient, type DecideOptions, type RecentAlerts } from "./client.js";
export {
  CLIENT_CODES,
  type ErrorCode,
  type GraphQLError,
  type GraphQLResponse,
  SERVER_CODES,
  SessiondError,
} from "./errors.js";
export type { Following, FollowOptions } from "./follow.js";
export { Inbox, type InboxState, inboxOf } from "./inbox.js";
export type { AlertPosition, Listening, ListenOptions } from "./listen.js";
export type { Operation } from "./operation.js";
export type { Runtime } from "./runtime.js";
export type { ConnectionState } from "./stream.js";
export type { WebSocketConstructor, WebSocketLike } from "./transport/websocket.js";
export type {
  Alert,
  AlertKind,
  Approval,
  Attempt,
  CreatedUser,
  CreateUserInput,
  Decision,
  Ended,
  EndReason,
  LoginInput,
  LoginResult,
  Session,
  SessionEndedBy,
  SessionEvent,
  SessionStatus,
} from "./types.js";
