import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { type ExecutionResult, getOperationAST, Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { authorization, send } from '../api/post';
import type { EventLog } from './event-log';
import type { Findings } from './findings';
import type { Identity } from './identities';
import type { ResultSink, TabRuns } from './tab-runs';
import { authorizationOf, connectionParams, type Headers, readableErrors, socketUrl } from './websocket';

export interface FetcherContext {
  /** Returns the chosen identity. It is read for each run. */
  identity(): Identity;
  log: EventLog;
  runs: TabRuns;
  /** Reads each response. */
  findings: Findings;
}

/** The label of the sender if the Headers pane has an `Authorization` header. */
export const headersPane = 'The Headers pane';

/** The name of the editor's own introspection query, which is not run by a tab. */
export const introspectionName = 'EditorIntrospection';

/**
 * Posts queries and mutations, and opens a WebSocket for a subscription, as the chosen identity.
 */
export function createFetcher({ identity, log, runs, findings }: FetcherContext): Fetcher {
  return (request, { headers: paneHeaders = {} } = {}) => {
    const sender = identity();
    const headers = withIdentity(paneHeaders, sender.secret);
    if (request.operationName === introspectionName)
      return send(request, headers, sender.cookie) as Promise<ExecutionResult>;
    const named = withOwnName(request);
    const subscription = subscriptionName(named);
    const label = authorizationOf(paneHeaders) === undefined ? sender.label : headersPane;
    return runs.run((sink) => {
      const read = (result: ExecutionResult) => {
        findings.add(named.operationName ?? 'an operation', result);
        sink.next(result);
      };
      const reading: ResultSink = { next: read, error: (error) => sink.error(error), complete: () => sink.complete() };
      if (subscription === null) return post(named, headers, sender.cookie, reading);
      return subscribe({ request: named, headers, name: subscription, label }, log, reading);
    });
  };
}

/** Adds the identity's token, unless the Headers pane has an `Authorization` header. */
export function withIdentity(headers: Headers, secret: string | null): Headers {
  return authorizationOf(headers) === undefined ? { ...headers, ...authorization(secret) } : headers;
}

/**
 * Sets the operation's name from its text. The editor updates the name with a delay, and may send
 * that of another tab.
 */
export function withOwnName(request: FetcherParams): FetcherParams {
  try {
    const operations = parse(request.query).definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    const only = operations.length === 1 ? operations[0] : undefined;
    return only ? { ...request, operationName: only.name?.value ?? null } : request;
  } catch {
    return request; // The server reports the syntax error.
  }
}

function subscriptionName({ query, operationName }: FetcherParams): string | null {
  try {
    const operation = getOperationAST(parse(query), operationName);
    return operation?.operation === 'subscription' ? (operation.name?.value ?? 'subscription') : null;
  } catch {
    return null; // The server reports the syntax error.
  }
}

function post(request: FetcherParams, headers: Headers, cookie: boolean | undefined, sink: ResultSink): () => void {
  void send(request, headers, cookie).then((response) => {
    sink.next(response as ExecutionResult);
    sink.complete();
  });
  return () => undefined; // The server executes the operation anyway. Its response is ignored.
}

interface SubscriptionRequest {
  request: FetcherParams;
  headers: Headers;
  name: string;
  /** The label of the identity. */
  label: string;
}

/**
 * Opens a new socket for each subscription, so that it sends the headers that were set when it
 * started.
 */
function subscribe(
  { request, headers, name, label }: SubscriptionRequest,
  log: EventLog,
  sink: ResultSink,
): () => void {
  const client = createClient({
    url: socketUrl(),
    connectionParams: connectionParams(headers),
    retryAttempts: 0, // A retry without `after` would miss the alerts in between.
    on: { connected: () => log.add(run, 'connected', null) },
  });
  const run = log.start(name, label, () => void client.dispose());
  client.subscribe(request, {
    next: (result) => {
      log.add(run, result.errors ? 'error' : 'event', result);
      sink.next(result as ExecutionResult);
    },
    error: (error) => {
      log.add(run, 'failed', readableErrors(error));
      sink.error(readableErrors(error));
    },
    complete: () => {
      log.add(run, 'completed', null);
      sink.complete();
    },
  });
  return () => log.stop(run);
}
