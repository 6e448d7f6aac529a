import { serverClock } from '../api/clock';
import { nameOf, readable } from '../api/document';
import { errorMessage, type GraphQLResponse } from '../api/post';
import {
  type AlertFragment,
  CurrentSessionDocument,
  type CurrentSessionQuery,
  DecideLoginDocument,
  EndSessionDocument,
  LogInDocument,
  type LogInMutation,
  type LoginDecision,
  NewestAlertDocument,
  type OnConflict,
  PendingLoginDocument,
  SignUpDocument,
  type TypedDocumentString,
} from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { Backend, PageCaller } from './backend';
import { addressOf, type DeviceProfile, type PhoneId, phoneProfiles, strangerProfiles } from './devices';
import { type Exchange, endText, loginError, outcomeOf, withExchange } from './model';
import { PhoneStreams } from './phone-streams';
import { DemoStore } from './store';

interface NewSession {
  session: NonNullable<LogInMutation['login']['session']>;
  token: string;
  /** The end of the alert log at the login. */
  alertCursor: string;
}

/** Two phones of one user, and the actions of the visitor on them. */
export class Demo {
  readonly store = new DemoStore();
  private readonly streams: PhoneStreams;
  private readonly attempts: Record<PhoneId | 'stranger', number> = { 1: 0, 2: 0, stranger: 0 };
  /**
   * The running check of each phone. `repeat`: another check was requested meanwhile, and runs after
   * this one.
   */
  private readonly checks = new Map<PhoneId, 'running' | 'repeat'>();
  /** The end of the alert log at sign-up. */
  private firstCursor: string | null = null;

  constructor(
    private readonly backend: Backend,
    private caller: PageCaller,
  ) {
    this.streams = new PhoneStreams(this.store, {
      sessionMayHaveChanged: (id) => {
        if (this.store.read().phones[id].stage !== 'ended') void this.check(id, false);
      },
      loginPending: (id, alert) => void this.readDeadline(id, alert),
    });
  }

  setCaller(caller: PageCaller) {
    this.caller = caller;
    this.followAll();
  }

  setPolicy(policy: OnConflict) {
    this.store.change(() => ({ policy }));
  }

  /** Registers the user of the demo, after a question if the store may hold real users. */
  async signUp(id: PhoneId) {
    if (this.caller.asksToSignUp) return this.store.change(() => ({ asksToSignUp: id }));
    await this.register(id);
  }

  async confirmSignUp() {
    const { asksToSignUp: id } = this.store.read();
    this.cancelSignUp();
    if (id !== null) await this.register(id);
  }

  cancelSignUp() {
    this.store.change(() => ({ asksToSignUp: null }));
  }

  private async register(id: PhoneId) {
    const { mobile, username, password } = this.user;
    const input = { mobile, username, ...this.passwordInput(password), ...this.deviceInput(phoneProfiles[id], id) };
    const setOutcome = this.addRequest(id, 'signs up');
    const response = await this.send(id, SignUpDocument, { input }, this.caller.secret);
    const created = response.data?.createUser;
    setOutcome(errorMessage(response) ?? 'Signed up', created ? 'good' : 'bad');
    if (!created) return this.setMessage(id, errorMessage(response), 'bad');
    const { session, token, message, user } = created;
    this.store.change(() => ({ registered: true }));
    this.firstCursor = user.alertCursor;
    this.followAll();
    this.start(id, { session, token, alertCursor: user.alertCursor });
    this.setMessage(id, message, 'good');
  }

  async logIn(id: PhoneId) {
    const setOutcome = this.addRequest(id, 'tries to log in');
    const variables = this.loginVariables(id, phoneProfiles[id], this.policy);
    const response = await this.send(id, LogInDocument, variables, this.caller.secret);
    const login = response.data?.login;
    const outcome = outcomeOf(response);
    setOutcome(outcome.text, outcome.tone);
    if (!login?.session || !login.token) return this.setMessage(id, login?.message ?? loginError(response), 'bad');
    const { session, token, message, user } = login;
    this.start(id, { session, token, alertCursor: user.alertCursor });
    this.setMessage(id, message, outcome.tone);
  }

  async decide(id: PhoneId, alert: AlertFragment, decision: LoginDecision) {
    if (!alert.attempt) return;
    const input = { attemptId: alert.attempt.id, decision };
    const setOutcome = this.addRequest(id, decision === 'APPROVE' ? 'approves the login' : 'denies the login');
    const response = await this.send(id, DecideLoginDocument, { input }, this.store.read().phones[id].token);
    const failure = errorMessage(response);
    setOutcome(failure ?? 'Done', failure ? 'bad' : 'good');
    if (failure) return this.setMessage(id, failure, 'bad');
    this.store.changePhone(id, ({ received }) => ({
      received: received.map((known) =>
        known.alert.id === alert.id ? { ...known, decision, waitsUntil: null } : known,
      ),
    }));
  }

  async logOut(id: PhoneId) {
    const { token, sessionKey } = this.store.read().phones[id];
    if (!sessionKey) return;
    const setOutcome = this.addRequest(id, 'logs out');
    const response = await this.send(id, EndSessionDocument, { input: { sessionKey } }, token);
    const failure = errorMessage(response);
    setOutcome(failure ?? 'Done', failure ? 'bad' : 'plain');
    if (failure) return this.setMessage(id, failure, 'bad');
    await this.check(id, false);
  }

  /** Reads the session of the phone's token. Checks of one phone run one after the other. */
  async check(id: PhoneId, byVisitor: boolean) {
    if (this.checks.has(id)) return void this.checks.set(id, 'repeat');
    do {
      this.checks.set(id, 'running');
      const { token } = this.store.read().phones[id];
      if (!token) break;
      const response = await this.send(id, CurrentSessionDocument, {}, token, byVisitor);
      if (this.store.read().phones[id].token !== token) break;
      if (response.data) this.applySession(id, response.data.currentSession);
      if (byVisitor) this.showCheck(id, response);
    } while (this.checks.get(id) === 'repeat' && this.store.read().phones[id].stage !== 'ended');
    this.checks.delete(id);
  }

  private showCheck(id: PhoneId, response: GraphQLResponse<CurrentSessionQuery>) {
    const failure = errorMessage(response);
    if (failure) return this.setMessage(id, failure, 'bad');
    if (response.data?.currentSession?.isValid) this.setMessage(id, 'The server accepts this token.', 'good');
  }

  disconnect(id: PhoneId) {
    this.streams.stop(id);
    this.store.changePhone(id, () => ({ stream: 'disconnected' }));
    this.addNote(id, 'is disconnected from the network', 'warning');
  }

  reconnect(id: PhoneId) {
    this.addNote(id, 'reconnects, and asks for the alerts that it missed', 'plain');
    this.streams.resume(id);
  }

  /** A device that does not belong to the user tries to log in, under the chosen policy. */
  async logInAsStranger() {
    const profile = strangerProfiles[this.store.read().strangers % strangerProfiles.length] ?? phoneProfiles[2];
    this.store.change(({ strangers }) => ({ strangers: strangers + 1 }));
    const variables = this.loginVariables('stranger', profile, this.policy);
    const setOutcome = this.addRequest('stranger', 'tries to log in');
    const outcome = outcomeOf(await this.backend.post(LogInDocument, variables, this.caller.secret));
    setOutcome(outcome.text, outcome.tone);
  }

  showRequestsOf(id: PhoneId) {
    this.store.change(() => ({ requestsOf: id }));
  }

  showExchange(id: PhoneId, exchange: number) {
    this.store.changePhone(id, () => ({ shown: exchange }));
  }

  startOver() {
    this.streams.stopAll();
    this.firstCursor = null;
    this.store.reset();
  }

  private get user() {
    return this.store.read().user;
  }

  private get policy() {
    return this.store.read().policy;
  }

  /**
   * Follows all alerts of the user, if the page acts as the service. Other callers need the token of
   * a session.
   */
  private followAll() {
    const { isService, secret } = this.caller;
    if (!isService || this.firstCursor === null) return;
    const { mobile } = this.user;
    this.streams.followAll({ connect: this.backend.connect(secret), mobile, after: this.firstCursor });
  }

  /** The service authenticates its users itself. Every other caller must send the password. */
  private passwordInput(password: string) {
    return this.caller.isService ? {} : { password };
  }

  /** Only the service may set an address. */
  private deviceInput(profile: DeviceProfile, sender: PhoneId | 'stranger') {
    const attempt = this.attempts[sender];
    this.attempts[sender] += 1;
    const { userAgent } = profile;
    return this.caller.isService ? { userAgent, ipAddress: addressOf(profile, attempt) } : { userAgent };
  }

  private loginVariables(sender: PhoneId | 'stranger', profile: DeviceProfile, onConflict: OnConflict) {
    const { mobile, username, password } = this.user;
    const device = this.deviceInput(profile, sender);
    return { input: { mobile, username, ...this.passwordInput(password), ...device, onConflict } };
  }

  /** Posts an operation, and adds it to the exchanges of the phone. */
  private async send<Result, Variables extends object>(
    id: PhoneId,
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    secret: string | null,
    byVisitor = true,
  ): Promise<GraphQLResponse<Result>> {
    if (byVisitor) {
      this.store.change(() => ({ requestsOf: id }));
      this.store.changePhone(id, () => ({ busy: true, message: null }));
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
    if (!this.caller.isService) return { identity: 'page', sentAs: 'as anyone, with the password' };
    const sentAs = secret ? 'as the service, with its key' : 'as the service, without a key';
    return { identity: 'page', sentAs };
  }

  /**
   * Gives the phone its new session, and opens its alert stream, which starts after the last alert
   * before the login.
   */
  private start(id: PhoneId, { session, token, alertCursor }: NewSession) {
    this.store.changePhone(id, () => ({
      stage: session.status === 'PENDING' ? 'pending' : 'active',
      token,
      sessionKey: session.sessionKey,
      device: session.device.label,
      address: session.ipAddress,
      expiresAt: session.expiresAt,
      endReason: null,
      endedBy: null,
      received: [],
    }));
    const newestSequence = () => this.newestSequence(id, token);
    this.streams.start(id, { connect: this.backend.connect(token), after: alertCursor, newestSequence }, token);
  }

  /**
   * Reads the number of the newest alert. Returns 0 if the log is empty, or if the session is pending
   * and may not read it.
   */
  private async newestSequence(id: PhoneId, token: string): Promise<number> {
    const { data } = await this.send(id, NewestAlertDocument, {}, token, false);
    return data?.currentSession?.user.alerts.nodes[0]?.sequence ?? 0;
  }

  private applySession(id: PhoneId, session: CurrentSessionQuery['currentSession']) {
    const { stage: before, stream } = this.store.read().phones[id];
    const stage = session?.status === 'ACTIVE' ? 'active' : session?.status === 'PENDING' ? 'pending' : 'ended';
    const endReason = session?.endReason ?? null;
    const endedBy = session?.endedBy ?? null;
    this.store.changePhone(id, () => ({
      stage,
      endReason,
      endedBy,
      ...(session ? { expiresAt: session.expiresAt } : {}),
    }));
    if (before === stage) return;
    if (stage === 'active') this.setMessage(id, 'Approved. You are logged in.', 'good');
    if (stage !== 'ended') return;
    this.store.changePhone(id, () => ({ message: null }));
    // An open stream is left open, because the server completes it.
    if (stream === 'lost' || stream === 'disconnected') {
      this.streams.stop(id);
      this.store.changePhone(id, () => ({ stream: 'off' }));
    }
    this.addNote(id, `can no longer use its token. ${endText(endReason, endedBy)}`, 'bad');
  }

  /**
   * Reads the expiry of the pending login. The alert does not contain it, but the pending session
   * does.
   */
  private async readDeadline(id: PhoneId, alert: AlertFragment) {
    const { token } = this.store.read().phones[id];
    const { data } = await this.backend.post(PendingLoginDocument, { mobile: this.user.mobile }, token);
    const pending = data?.user?.sessions.nodes.find(({ status }) => status === 'PENDING');
    this.store.changePhone(id, ({ received }) => ({
      received: received.map((known) =>
        known.alert.id === alert.id && known.decision === null
          ? { ...known, waitsUntil: pending?.expiresAt ?? null }
          : known,
      ),
    }));
  }

  private setMessage(id: PhoneId, text: string | null, tone: Tone) {
    this.store.changePhone(id, () => ({ message: text === null ? null : { text, tone } }));
  }

  /**
   * Adds a request to the timeline when it is sent, and returns a function that sets its outcome.
   */
  private addRequest(from: PhoneId | 'stranger', text: string) {
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

  private addNote(phone: PhoneId, text: string, tone: Tone) {
    this.store.addEntry({ type: 'note', phone, text, tone, failures: 0, at: serverClock.now() });
  }
}
