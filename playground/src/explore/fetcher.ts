import type { Fetcher, FetcherParams, Observable } from '@graphiql/toolkit';
import { type ExecutionResult, getOperationAST, Kind, parse } from 'graphql';
import { createClient, type Sink } from 'graphql-ws';
import { authorization, send } from '../api/post';
import { connectionParams, type Headers, readableErrors, socketUrl } from '../api/websocket';
import type { EventLog } from './event-log';
import type { Identity } from './identities';

/** What the fetcher asks of the page at the moment that something is run. */
export interface Surroundings {
  identity(): Identity;
  log: EventLog;
  /** The tab that is open now. */
  tab(): string | null;
  /** Whether the tab is there, open or not. */
  hasTab(tab: string): boolean;
}

/** Posts queries and mutations, and opens a WebSocket for a subscription, as the chosen identity. */
export function createFetcher(surroundings: Surroundings): Fetcher {
  return (request, { headers = {} } = {}) => {
    const identity = surroundings.identity();
    const sent = withIdentity(headers, identity.secret);
    const named = withOwnName(request);
    const name = subscriptionName(named);
    return name === null ? (send(named, sent) as Promise<ExecutionResult>) : subscribe(named, sent, name, identity, surroundings);
  };
}

/** The identity's token goes with the request, unless the Headers pane has one of its own. */
export function withIdentity(headers: Headers, secret: string | null): Headers {
  const own = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  return own ? headers : { ...headers, ...authorization(secret) };
}

/** The editor learns the operation's name a moment late: run at once, another tab's would go along. */
export function withOwnName(request: FetcherParams): FetcherParams {
  try {
    const operations = parse(request.query).definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    const only = operations.length === 1 ? operations[0] : undefined;
    return only ? { ...request, operationName: only.name?.value ?? null } : request;
  } catch {
    return request; // The server says what is wrong with the text.
  }
}

function subscriptionName({ query, operationName }: FetcherParams): string | null {
  try {
    const operation = getOperationAST(parse(query), operationName);
    return operation?.operation === 'subscription' ? (operation.name?.value ?? 'subscription') : null;
  } catch {
    return null; // The server says what is wrong with the text.
  }
}

/** Each subscription has a socket of its own, so that it carries the headers of the moment it was started. */
function subscribe(
  request: FetcherParams,
  headers: Headers,
  name: string,
  identity: Identity,
  { log, tab, hasTab }: Surroundings,
): Observable<ExecutionResult> {
  const start = (sink: Sink<ExecutionResult>) => {
    const startedIn = tab();
    let shown = true;
    const client = createClient({
      url: socketUrl(),
      connectionParams: connectionParams(headers),
      retryAttempts: 0, // A silent second try would skip the alerts in between.
      on: { connected: () => log.add(run, 'connected', null) },
    });
    const run = log.start(name, identity.label, startedIn, () => void client.dispose());
    client.subscribe(request, {
      next: (answer) => {
        log.add(run, answer.errors ? 'error' : 'event', answer);
        if (shown) sink.next(answer as ExecutionResult);
      },
      error: (error) => {
        log.add(run, 'failed', readableErrors(error));
        if (shown) sink.error(readableErrors(error));
      },
      complete: () => {
        log.add(run, 'completed', null);
        if (shown) sink.complete();
      },
    });
    const unsubscribe = () => {
      shown = false;
      // The editor stops a subscription whose tab is left, too. That one runs on in the log.
      setTimeout(() => {
        if (startedIn === null || startedIn === tab() || !hasTab(startedIn)) log.stop(run);
      });
    };
    return { unsubscribe };
  };
  return { subscribe: start } as Observable<ExecutionResult>;
}
