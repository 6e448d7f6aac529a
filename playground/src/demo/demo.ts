import { errorMessage, type GraphQLResponse } from '../api/post';
import {
  type AlertFragment,
  CurrentSessionDocument,
  type CurrentSessionQuery,
  DecideLoginDocument,
  EndSessionDocument,
  FreezeUserDocument,
  LogInDocument,
  type LogInMutation,
  type LoginDecision,
  NewestAlertDocument,
  type OnConflict,
  PendingLoginDocument,
  SignUpDocument,
  UnfreezeUserDocument,
} from '../gql/graphql';
import type { Tone } from '../ui/alert-kinds';
import type { Backend, PageCaller } from './backend';
import { type PhoneId, phoneIds } from './devices';
import { LoginInputs } from './login-inputs';
import { endText, loginError, outcomeOf } from './model';
import { PhoneRequests } from './phone-requests';
import type { StreamSource } from './phone-stream';
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
  private readonly requests: PhoneRequests;
  private readonly inputs = new LoginInputs(() => this.caller);
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
    this.requests = new PhoneRequests(this.store, backend, () => this.caller);
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

  setIfAway(ifAway: OnConflict | null) {
    this.store.change(() => ({ ifAway }));
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
    const input = this.inputs.ofSignUp(this.user, id);
    const setOutcome = this.requests.announce(id, 'signs up');
    const response = await this.requests.send(id, SignUpDocument, { input }, this.caller.secret);
    const created = response.data?.createUser;
    setOutcome(errorMessage(response) ?? 'Signed up', created ? 'good' : 'bad');
    if (!created?.token) return this.setMessage(id, errorMessage(response), 'bad');
    const { session, token, message, user } = created;
    this.store.change(() => ({ registered: true }));
    this.firstCursor = user.alertCursor;
    this.followAll();
    this.start(id, { session, token, alertCursor: user.alertCursor });
    this.setMessage(id, message, 'good');
  }

  async logIn(id: PhoneId) {
    const { policy, ifAway } = this.store.read();
    const setOutcome = this.requests.announce(id, 'tries to log in');
    const input = this.inputs.ofPhone(this.user, id, policy, policy === 'ASK' ? ifAway : null);
    const response = await this.requests.send(id, LogInDocument, { input }, this.caller.secret);
    const login = response.data?.login;
    const outcome = outcomeOf(response);
    setOutcome(outcome.text, outcome.tone);
    this.noteFreeze(response);
    if (!login?.session || !login.token) return this.refuse(id, login, loginError(response));
    const { session, token, message, user, matchNumber, holder } = login;
    this.start(id, { session, token, alertCursor: user.alertCursor });
    this.store.changePhone(id, () => ({
      matchNumber,
      holder: holder && { device: holder.device.label, isListening: holder.isListening },
    }));
    const cameWhileAway = policy === 'ASK' && ifAway === 'TAKE_OVER' && this.isHeldByOther(id);
    const text =
      outcome.text === 'Logged in' && cameWhileAway ? 'The other device was offline, so this one took over.' : message;
    this.setMessage(id, text, outcome.tone);
  }

  /** Shows why a login did not succeed, and when the next one may ask. */
  private refuse(id: PhoneId, login: LogInMutation['login'] | undefined, error: string | null) {
    this.setMessage(id, login?.message ?? error, 'bad');
    const seconds = login?.retryAfterSeconds;
    if (seconds) this.store.changePhone(id, () => ({ retryAt: Date.now() + seconds * 1_000 }));
  }

  /** Whether the session of the other phone was active until now. */
  private isHeldByOther(id: PhoneId): boolean {
    return phoneIds.some((other) => other !== id && this.store.read().phones[other].stage === 'active');
  }

  /** Answers a login that waits. `matchNumber` is the number that the visitor selected. */
  async decide(id: PhoneId, alert: AlertFragment, decision: LoginDecision, matchNumber: number | null = null) {
    if (!alert.attempt) return;
    const input = { attemptId: alert.attempt.id, decision, ...(matchNumber === null ? {} : { matchNumber }) };
    const setOutcome = this.requests.announce(id, decision === 'APPROVE' ? 'approves the login' : 'denies the login');
    const response = await this.requests.send(id, DecideLoginDocument, { input }, this.store.read().phones[id].token);
    const failure = errorMessage(response);
    if (failure) {
      setOutcome(failure, 'bad');
      return this.setMessage(id, failure, 'bad');
    }
    const isWrong = decision === 'APPROVE' && response.data?.decideLogin.session.status === 'ENDED';
    setOutcome(isWrong ? 'Wrong number' : 'Done', isWrong ? 'bad' : 'good');
    this.store.changePhone(id, ({ received }) => ({
      received: received.map((known) =>
        known.alert.id === alert.id
          ? { ...known, decision: isWrong ? 'WRONG_NUMBER' : decision, waitsUntil: null }
          : known,
      ),
    }));
  }

  /** “It wasn’t me”: asks before the phone freezes the account. */
  askToFreeze(id: PhoneId) {
    this.store.change(() => ({ asksToFreeze: id }));
  }

  cancelFreeze() {
    this.store.change(() => ({ asksToFreeze: null }));
  }

  async confirmFreeze() {
    const { asksToFreeze: id } = this.store.read();
    this.cancelFreeze();
    if (id !== null) await this.freeze(id);
  }

  private async freeze(id: PhoneId) {
    const { token } = this.store.read().phones[id];
    const setOutcome = this.requests.announce(id, 'freezes the account');
    const response = await this.requests.send(id, FreezeUserDocument, { input: {} }, token);
    const failure = errorMessage(response);
    setOutcome(failure ?? 'Done', failure ? 'bad' : 'good');
    if (failure) return this.setMessage(id, failure, 'bad');
    this.store.change(() => ({ frozen: true }));
    await this.check(id, false);
  }

  /** The bank’s back end ends the freeze, after it has talked to its customer. */
  async unfreeze(id: PhoneId) {
    const { mobile } = this.user;
    const setOutcome = this.requests.announce('service', 'ends the freeze');
    const response = await this.requests.send(id, UnfreezeUserDocument, { input: { mobile } }, this.caller.secret);
    const failure = errorMessage(response);
    setOutcome(failure ?? 'Done', failure ? 'bad' : 'good');
    if (!failure) this.store.change(() => ({ frozen: false }));
    this.setMessage(id, failure ?? response.data?.unfreezeUser.message ?? null, failure ? 'bad' : 'good');
  }

  /** A login shows whether the user is frozen, because only the right credentials get that code. */
  private noteFreeze(response: GraphQLResponse<LogInMutation>) {
    const frozen = response.errors?.some(({ extensions }) => extensions?.code === 'FROZEN') ?? false;
    if (frozen || response.data?.login.session) this.store.change(() => ({ frozen }));
  }

  async logOut(id: PhoneId) {
    const { token, sessionKey } = this.store.read().phones[id];
    if (!sessionKey) return;
    const setOutcome = this.requests.announce(id, 'logs out');
    const response = await this.requests.send(id, EndSessionDocument, { input: { sessionKey } }, token);
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
      const response = await this.requests.send(id, CurrentSessionDocument, {}, token, byVisitor);
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
    this.requests.addNote(id, 'is disconnected from the network', 'warning');
  }

  reconnect(id: PhoneId) {
    this.requests.addNote(id, 'reconnects, and asks for the alerts that it missed', 'plain');
    this.streams.resume(id);
  }

  /** A device that does not belong to the user tries to log in, under the chosen policy. */
  async logInAsStranger() {
    const input = this.inputs.ofStranger(this.user, this.store.read().policy);
    const setOutcome = this.requests.announce('stranger', 'tries to log in');
    const response = await this.backend.post(LogInDocument, { input }, this.caller.secret);
    const outcome = outcomeOf(response);
    this.noteFreeze(response);
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

  private listener(secret: string | null): StreamSource['listen'] {
    return (options) => this.backend.listen(secret, options);
  }

  private get user() {
    return this.store.read().user;
  }

  /**
   * Follows all alerts of the user, if the page acts as the service. Other callers need the token of
   * a session.
   */
  private followAll() {
    const { isService, secret } = this.caller;
    if (!isService || this.firstCursor === null) return;
    const { mobile } = this.user;
    this.streams.followAll({ listen: this.listener(secret), after: this.firstCursor }, mobile);
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
      matchNumber: null,
      holder: null,
      endReason: null,
      endedBy: null,
      received: [],
    }));
    const newestSequence = () => this.newestSequence(id, token);
    this.streams.start(id, { listen: this.listener(token), after: alertCursor, newestSequence }, token);
  }

  /**
   * Reads the number of the newest alert. Returns 0 if the log is empty, or if the session is pending
   * and may not read it.
   */
  private async newestSequence(id: PhoneId, token: string): Promise<number> {
    const { data } = await this.requests.send(id, NewestAlertDocument, {}, token, false);
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
    if (stage !== 'pending') this.store.changePhone(id, () => ({ matchNumber: null, holder: null }));
    if (stage !== 'ended') return;
    if (endReason === 'FROZEN') this.store.change(() => ({ frozen: true }));
    this.store.changePhone(id, () => ({ message: null }));
    // An open stream is left open, because the server completes it.
    if (stream === 'lost' || stream === 'disconnected') {
      this.streams.stop(id);
      this.store.changePhone(id, () => ({ stream: 'off' }));
    }
    this.requests.addNote(id, `can no longer use its token. ${endText(endReason, endedBy)}`, 'bad');
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
}
