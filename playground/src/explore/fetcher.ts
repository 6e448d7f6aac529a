import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { type ExecutionResult, getOperationAST, Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { authorization, send } from '../api/post';
import { connectionParams, type Headers, readableErrors, socketUrl } from '../api/websocket';
import type { EventLog } from './event-log';
import type { Identity } from './identities';
import type { Answers, TabRuns } from './tab-runs';

/** What the fetcher asks of the page at the moment that something is run. */
export interface Surroundings {
  identity(): Identity;
  log: EventLog;
  runs: TabRuns;
}

/** What the editor calls its own question for the schema, which no tab has run. */
export const introspectionName = 'EditorIntrospection';

/** Posts queries and mutations, and opens a WebSocket for a subscription, as the chosen identity. */
export function createFetcher({ identity, log, runs }: Surroundings): Fetcher {
  return (request, { headers = {} } = {}) => {
    const sender = identity();
    const sent = withIdentity(headers, sender.secret);
    if (request.operationName === introspectionName) return send(request, sent) as Promise<ExecutionResult>;
    const named = withOwnName(request);
    const name = subscriptionName(named);
    return runs.run((answers) =>
      name === null ? post(named, sent, answers) : subscribe(named, sent, name, sender, log, answers),
    );
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

function post(request: FetcherParams, headers: Headers, answers: Answers): () => void {
  void send(request, headers).then((answer) => {
    answers.next(answer as ExecutionResult);
    answers.complete();
  });
  return () => undefined; // What the server was told to do it does. Its answer goes unheard.
}

/** Each subscription has a socket of its own, so that it carries the headers of the moment it was started. */
function subscribe(
  request: FetcherParams,
  headers: Headers,
  name: string,
  { label }: Identity,
  log: EventLog,
  answers: Answers,
): () => void {
  const client = createClient({
    url: socketUrl(),
    connectionParams: connectionParams(headers),
    retryAttempts: 0, // A silent second try would skip the alerts in between.
    on: { connected: () => log.add(run, 'connected', null) },
  });
  const run = log.start(name, label, () => void client.dispose());
  client.subscribe(request, {
    next: (answer) => {
      log.add(run, answer.errors ? 'error' : 'event', answer);
      answers.next(answer as ExecutionResult);
    },
    error: (error) => {
      log.add(run, 'failed', readableErrors(error));
      answers.error(readableErrors(error));
    },
    complete: () => {
      log.add(run, 'completed', null);
      answers.complete();
    },
  });
  return () => log.stop(run);
}
