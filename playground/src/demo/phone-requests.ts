import { serverClock } from '../api/clock';
import { nameOf, readable } from '../api/document';
import { errorMessage, type GraphQLResponse } from '../api/post';
import type { TypedDocumentString } from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { Backend, PageCaller } from './backend';
import type { PhoneId } from './devices';
import { type Exchange, withExchange } from './model';
import type { DemoStore } from './store';

/** Sends the requests of the phones, and shows them in the timeline and among the exchanges. */
export class PhoneRequests {
  constructor(
    private readonly store: DemoStore,
    private readonly backend: Backend,
    private readonly caller: () => PageCaller,
  ) {}

  /** Posts an operation, and adds it to the exchanges of the phone. */
  async send<Result, Variables extends object>(
    id: PhoneId,
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    secret: string | null,
    byVisitor = true,
  ): Promise<GraphQLResponse<Result>> {
    if (byVisitor) {
      this.store.change(() => ({ requestsOf: id }));
      this.store.changePhone(id, () => ({ busy: true, message: null, retryAt: null }));
    }
    const response = await this.backend.post(document, variables, secret);
    const operation = readable(document);
    const exchange: Exchange = {
      id: this.store.nextId(),
      name: nameOf(operation),
      operation,
      variables,
      response,
      failed: errorMessage(response) !== null,
      byVisitor,
      secret,
      ...this.senderOf(id, secret),
    };
    const idle = byVisitor ? { busy: false } : {};
    this.store.changePhone(id, (phone) => ({ ...withExchange(phone, exchange), ...idle }));
    return response;
  }

  private senderOf(id: PhoneId, secret: string | null): Pick<Exchange, 'identity' | 'sentAs'> {
    if (secret !== null && secret === this.store.read().phones[id].token) {
      return { identity: 'phone', sentAs: 'as the device, with its token' };
    }
    if (!this.caller().isService) return { identity: 'page', sentAs: 'as anyone, with the password' };
    const sentAs = secret ? 'as the service, with its key' : 'as the service, without a key';
    return { identity: 'page', sentAs };
  }

  /**
   * Adds a request to the timeline when it is sent, and returns a function that sets its outcome.
   */
  announce(from: PhoneId | 'stranger' | 'service', text: string) {
    const id = this.store.addEntry({
      type: 'request',
      from,
      text,
      outcome: '',
      tone: 'plain',
      at: serverClock.now(),
      sentAt: performance.now(),
    });
    return (outcome: string, tone: Tone) => this.store.setOutcome(id, { outcome, tone });
  }

  addNote(phone: PhoneId, text: string, tone: Tone) {
    this.store.addEntry({ type: 'note', phone, text, tone, failures: 0, at: serverClock.now() });
  }
}
