import { logIn, type ReadLog } from '../api/alert-log';
import { serverClock } from '../api/clock';
import { nameOf, readable } from '../api/document';
import { type Answer, failed } from '../api/post';
import {
  type AlertFragment,
  CurrentSessionDocument,
  type CurrentSessionQuery,
  DecideLoginDocument,
  EndSessionDocument,
  LatestAlertsDocument,
  LogInDocument,
  type LogInMutation,
  type LoginDecision,
  NewestAlertDocument,
  type OnConflict,
  SignUpDocument,
  type TypedDocumentString,
  WaitingLoginDocument,
} from '../gql/graphql';
import type { Backend, PageCaller } from './backend';
import { addressOf, type DeviceProfile, type PhoneId, profiles, strangers } from './devices';
import { Listening } from './listening';
import { type Exchange, farewell, missedBy, outcomes, type Tone, withExchange } from './model';
import { StoryStore } from './store';

type Opened = NonNullable<LogInMutation['login']['session']>;

/** Two phones of one user, and what each does. */
export class Story {
  readonly store = new StoryStore();
  private readonly listening: Listening;
  private readonly attempts: Record<PhoneId | 'stranger', number> = { 1: 0, 2: 0, stranger: 0 };
  private readonly checks = new Map<PhoneId, 'once' | 'again'>();

  constructor(
    private readonly backend: Backend,
    private caller: PageCaller,
  ) {
    this.listening = new Listening(this.store, {
      sessionMayHaveChanged: (id) => {
        if (this.store.read().phones[id].stage !== 'ended') void this.check(id, false);
      },
      loginWaits: (id, alert) => void this.findOutHowLong(id, alert),
    });
  }

  setCaller(caller: PageCaller) {
    this.caller = caller;
    if (this.store.read().registered) this.watch();
  }

  choose(policy: OnConflict) {
    this.store.change(() => ({ policy }));
  }

  async signUp(id: PhoneId) {
    const { mobile, username, password } = this.user;
    const input = { mobile, username, ...this.proof(password), ...this.describe(profiles[id], id) };
    const told = this.tellRequest(id, 'signs up');
    const answer = await this.send(id, SignUpDocument, { input }, this.caller.secret);
    const created = answer.data?.createUser;
    told(failed(answer) ?? 'Signed up', created ? 'good' : 'bad');
    if (!created) return this.say(id, failed(answer), 'bad');
    this.store.change(() => ({ registered: true }));
    this.watch();
    await this.opened(id, created.session, created.token, created.message, 'good');
  }

  async logIn(id: PhoneId) {
    const told = this.tellRequest(id, 'tries to log in');
    const answer = await this.send(
      id,
      LogInDocument,
      this.loginInput(id, profiles[id], this.policy),
      this.caller.secret,
    );
    const login = answer.data?.login;
    const outcome = login ? outcomes[login.outcome] : { text: failed(answer) ?? 'Failed', tone: 'bad' as const };
    told(outcome.text, outcome.tone);
    if (!login?.session || !login.token) return this.say(id, login?.message ?? failed(answer), 'bad');
    await this.opened(id, login.session, login.token, login.message, outcome.tone);
  }

  async answer(id: PhoneId, alert: AlertFragment, decision: LoginDecision) {
    if (!alert.attempt) return;
    const input = { attemptId: alert.attempt.id, decision };
    const told = this.tellRequest(id, decision === 'APPROVE' ? 'approves' : 'denies');
    const answer = await this.send(id, DecideLoginDocument, { input }, this.store.read().phones[id].token);
    const failure = failed(answer);
    told(failure ?? 'Done', failure ? 'bad' : 'good');
    if (failure) return this.say(id, failure, 'bad');
    this.store.changePhone(id, ({ received }) => ({
      received: received.map((known) =>
        known.alert.id === alert.id ? { ...known, answered: decision, waitsUntil: null } : known,
      ),
    }));
  }

  async logOut(id: PhoneId) {
    const { token, sessionKey } = this.store.read().phones[id];
    if (!sessionKey) return;
    const told = this.tellRequest(id, 'logs out');
    const answer = await this.send(id, EndSessionDocument, { input: { sessionKey } }, token);
    told(failed(answer) ?? 'Done', failed(answer) ? 'bad' : 'plain');
    await this.check(id, false);
  }

  /** Asks the server what the phone's token still opens. */
  async check(id: PhoneId, asked: boolean) {
    if (this.checks.has(id)) return void this.checks.set(id, 'again');
    do {
      this.checks.set(id, 'once');
      const { token } = this.store.read().phones[id];
      if (!token) break;
      const answer = await this.send(id, CurrentSessionDocument, {}, token, asked);
      if (this.store.read().phones[id].token !== token) break;
      if (answer.data) this.learn(id, answer.data.currentSession);
    } while (this.checks.get(id) === 'again' && this.store.read().phones[id].stage !== 'ended');
    this.checks.delete(id);
  }

  disconnect(id: PhoneId) {
    this.listening.stop(id);
    this.store.changePhone(id, () => ({ stream: 'away' }));
    this.tellNote(id, 'is cut off from the network', 'warning');
  }

  reconnect(id: PhoneId) {
    // It still asks where its log stands, and listens then.
    if (!this.listening.isReady(id)) return this.store.changePhone(id, () => ({ stream: 'connecting' }));
    this.tellNote(id, this.listening.lastHeard(id) ? 'asks for what came after its last alert' : 'comes back', 'plain');
    this.listening.resume(id);
  }

  /** A device that nobody knows tries to log in, and is refused. */
  async strangerTries() {
    const profile = strangers[this.store.read().strangers % strangers.length] ?? profiles[2];
    this.store.change(({ strangers: tried }) => ({ strangers: tried + 1 }));
    const variables = this.loginInput('stranger', profile, 'REJECT');
    const told = this.tellRequest('stranger', 'tries to log in');
    const { data, ...rest } = await this.backend.post(LogInDocument, variables, this.caller.secret);
    const outcome = data ? outcomes[data.login.outcome] : { text: failed(rest) ?? 'Failed', tone: 'bad' as const };
    told(outcome.text, outcome.tone);
  }

  show(id: PhoneId, exchange: number) {
    this.store.changePhone(id, () => ({ shown: exchange }));
  }

  startOver() {
    this.listening.stopAll();
    this.store.reset();
  }

  private get user() {
    return this.store.read().user;
  }

  private get policy() {
    return this.store.read().policy;
  }

  private watch() {
    const { isService, secret } = this.caller;
    if (!isService) return;
    const { mobile } = this.user;
    const readLog = async (first: number) =>
      logIn(await this.backend.post(LatestAlertsDocument, { mobile, first }, secret));
    this.listening.watchAll({ connect: this.backend.connect(secret), readLog, mobile });
  }

  /** The service vouches for its users; anyone else needs the password. */
  private proof(password: string) {
    return this.caller.isService ? {} : { password };
  }

  private describe(profile: DeviceProfile, whose: PhoneId | 'stranger') {
    const attempt = this.attempts[whose];
    this.attempts[whose] += 1;
    const { userAgent } = profile;
    return this.caller.isService ? { userAgent, ipAddress: addressOf(profile, attempt) } : { userAgent };
  }

  private loginInput(whose: PhoneId | 'stranger', profile: DeviceProfile, onConflict: OnConflict) {
    const { mobile, username, password } = this.user;
    return { input: { mobile, username, ...this.proof(password), ...this.describe(profile, whose), onConflict } };
  }

  private async send<Result, Variables extends object>(
    id: PhoneId,
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    secret: string | null,
    asked = true,
  ): Promise<Answer<Result>> {
    if (asked) this.store.changePhone(id, () => ({ busy: true, message: null }));
    const answer = await this.backend.post(document, variables, secret);
    const operation = readable(document);
    const exchange: Exchange = {
      id: this.store.freshId(),
      name: nameOf(operation),
      operation,
      variables,
      answer,
      failed: failed(answer) !== null,
      secret,
      as: this.nameOfCaller(id, secret),
    };
    const idle = asked ? { busy: false } : {};
    this.store.changePhone(id, (phone) => ({ ...withExchange(phone, exchange, asked), ...idle }));
    return answer;
  }

  private nameOfCaller(id: PhoneId, secret: string | null): string {
    if (secret !== null && secret === this.store.read().phones[id].token) return 'with its token';
    if (!this.caller.isService) return 'as anyone, with the password';
    return secret ? 'with the service key' : 'with no token: in development mode, as the service';
  }

  private async opened(id: PhoneId, session: Opened, token: string, message: string, tone: Tone) {
    this.store.changePhone(id, () => ({
      stage: session.status === 'PENDING' ? 'pending' : 'active',
      token,
      sessionKey: session.sessionKey,
      device: session.device.label,
      address: session.ipAddress,
      expiresAt: session.expiresAt,
      endReason: null,
      stream: 'connecting',
      received: [],
    }));
    this.say(id, message, tone);
    this.listening.forget(id);
    await this.listen(id, token);
  }

  /** Listens from where the log stands at the login: what is before was never missed. */
  private async listen(id: PhoneId, token: string) {
    const { data } = await this.send(id, NewestAlertDocument, {}, token, false);
    if (this.store.read().phones[id].token !== token) return;
    const log = data?.currentSession?.user.alerts.nodes;
    const from = log ? { after: log[0]?.id ?? null } : {};
    this.listening.start(id, { connect: this.backend.connect(token), readLog: this.logFor(id, token), ...from }, token);
  }

  private learn(id: PhoneId, session: CurrentSessionQuery['currentSession']) {
    const { stage: before, stream } = this.store.read().phones[id];
    const stage = session?.status === 'ACTIVE' ? 'active' : session?.status === 'PENDING' ? 'pending' : 'ended';
    const endReason = session?.endReason ?? null;
    this.store.changePhone(id, () => ({ stage, endReason, ...(session ? { expiresAt: session.expiresAt } : {}) }));
    if (before === stage) return;
    if (stage === 'active') this.say(id, 'Approved. You are logged in.', 'good');
    if (stage !== 'ended') return;
    this.store.changePhone(id, () => ({ message: null }));
    // An open stream is the server's to complete.
    if (stream === 'lost' || stream === 'away') {
      this.listening.stop(id);
      this.store.changePhone(id, () => ({ stream: 'off' }));
    }
    this.tellNote(id, `holds a token that opens nothing any more. ${farewell(endReason)}`, 'bad');
  }

  /** Learns until when a login waits: only its own session says it. */
  private async findOutHowLong(id: PhoneId, alert: AlertFragment) {
    const { token } = this.store.read().phones[id];
    const { data } = await this.backend.post(WaitingLoginDocument, { mobile: this.user.mobile }, token);
    const waiting = data?.user?.sessions.nodes.find(({ status }) => status === 'PENDING');
    this.store.changePhone(id, ({ received }) => ({
      received: received.map((known) =>
        known.alert.id === alert.id && known.answered === null
          ? { ...known, waitsUntil: waiting?.expiresAt ?? null }
          : known,
      ),
    }));
  }

  /** The log as far as it is for the phone that holds `token`. */
  private logFor(id: PhoneId, token: string): ReadLog {
    const { mobile } = this.user;
    return async (first) => {
      const { stage, stream } = this.store.read().phones[id];
      // A login that waits hears what concerns it, and what it did not hear meanwhile was not for it.
      if (stage === 'pending' && stream === 'open') return null;
      const log = logIn(await this.send(id, LatestAlertsDocument, { mobile, first }, token, false));
      return log && missedBy(this.store.read().phones[id], log);
    };
  }

  private say(id: PhoneId, text: string | null, tone: Tone) {
    this.store.changePhone(id, () => ({ message: text === null ? null : { text, tone } }));
  }

  /** Tells of a request as it is sent, and returns what tells its outcome. */
  private tellRequest(from: PhoneId | 'stranger', text: string) {
    const id = this.store.tell({ type: 'request', from, text, outcome: '', tone: 'plain' }, serverClock.now());
    return (outcome: string, tone: Tone) => this.store.amend(id, { outcome, tone });
  }

  private tellNote(phone: PhoneId, text: string, tone: Tone) {
    this.store.tell({ type: 'note', phone, text, tone }, serverClock.now());
  }
}
