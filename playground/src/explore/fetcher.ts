import type { Fetcher, FetcherParams, Observable } from '@graphiql/toolkit';
import {
  type ExecutionResult,
  type FormattedExecutionResult,
  getOperationAST,
  GraphQLError,
  parse,
} from 'graphql';
import { createClient, type Sink } from 'graphql-ws';
import { connectionParams, type Headers, readableErrors } from '../api/websocket';

const path = '/graphql';

/** Posts queries and mutations; opens a WebSocket for a subscription. */
export const fetcher: Fetcher = (request, { headers = {} } = {}) =>
  isSubscription(request) ? subscribe(request, headers) : post(request, headers);

function isSubscription({ query, operationName }: FetcherParams): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false; // The server says what is wrong with the text.
  }
}

async function post(request: FetcherParams, headers: Headers): Promise<ExecutionResult> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(request),
    });
    const isJson = response.headers.get('content-type')?.includes('json');
    if (isJson) return await response.json();
    return failure(`The server answered ${response.status}: ${await response.text()}`);
  } catch (error) {
    return failure(`The request got no answer: ${error instanceof Error ? error.message : error}`);
  }
}

function failure(message: string): ExecutionResult {
  return { errors: [new GraphQLError(message)] };
}

/** Each subscription has a socket of its own, so that it carries the headers of the moment it was started. */
function subscribe(request: FetcherParams, headers: Headers) {
  const client = createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`,
    connectionParams: connectionParams(headers),
    // A silent second try would skip the alerts in between.
    retryAttempts: 0,
  });
  const start = (sink: Sink<FormattedExecutionResult>) => ({
    unsubscribe: client.subscribe(request, {
      ...sink,
      error: (error) => sink.error(readableErrors(error)),
    }),
  });
  return { subscribe: start } as Observable<ExecutionResult>;
}
