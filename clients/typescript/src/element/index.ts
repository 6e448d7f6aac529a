import type { Client } from "../client.js";
import { asError } from "../errors.js";
import { type Inbox, inboxOf } from "../inbox.js";
import type { Alert, Decision } from "../types.js";
import { create } from "./dom.js";
import { QuestionDialog } from "./question.js";
import { STYLE } from "./style.js";
import { type AlertTexts, englishTexts } from "./texts.js";

export { type AlertTexts, englishTexts };

/** The detail of the event `sessiond-decided`. */
export interface Decided {
  attemptId: string;
  decision: Decision;
}

// A server that renders pages may import this module, and has no `HTMLElement`.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * `<sessiond-alert>`: asks "Is this you?" if a login on another device waits, and tells of refused
 * logins and of the end of the session. Set its property `client`.
 *
 * Events, which bubble: `sessiond-decided` after a decision (`detail` is `Decided`), and
 * `sessiond-dismissed` if the user closed the dialog without one.
 */
export class SessiondAlert extends Base {
  private source: Client | null = null;
  private words: AlertTexts = englishTexts;
  private inbox: Inbox | null = null;
  private unsubscribe: () => void = () => undefined;
  private shown: { attemptId: string; alertId: string; view: QuestionDialog } | null = null;
  private readonly dismissed = new Set<string>();
  private endShown = false;
  private readonly notice = this.build();

  /** The client whose alerts are shown. */
  get client(): Client | null {
    return this.source;
  }

  set client(client: Client | null) {
    this.source = client;
    if (this.isConnected) this.follow();
  }

  /** Texts that replace the English ones. */
  get texts(): AlertTexts {
    return this.words;
  }

  set texts(texts: Partial<AlertTexts>) {
    this.words = { ...englishTexts, ...texts };
  }

  connectedCallback() {
    // A property that was set before the module was loaded hides the accessor of the class.
    for (const name of ["client", "texts"] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete (this as Record<string, unknown>)[name];
      Object.assign(this, { [name]: value });
    }
    this.follow();
  }

  disconnectedCallback() {
    this.unfollow();
  }

  private follow() {
    this.unfollow();
    if (!this.source) return;
    const inbox = inboxOf(this.source);
    this.inbox = inbox;
    const stops = [inbox.onAlert((alert) => this.receive(alert)), inbox.subscribe(() => this.update())];
    this.unsubscribe = () => {
      for (const stop of stops) stop();
    };
    this.update();
  }

  private unfollow() {
    this.unsubscribe();
    this.unsubscribe = () => undefined;
    this.inbox = null;
    this.hideQuestion();
  }

  private update() {
    const { questions, ended } = this.inbox?.getSnapshot() ?? { questions: [], ended: null };
    const next = questions.find(({ attempt }) => attempt && !this.dismissed.has(attempt.id));
    if (next?.id !== this.shown?.alertId) {
      this.hideQuestion();
      if (next) this.ask(next);
    }
    if (ended && !this.endShown) this.tell(this.words.ended(ended));
    this.endShown = ended !== null;
  }

  private receive(alert: Alert) {
    this.tell(this.words.notice(alert));
  }

  private ask(alert: Alert) {
    const attemptId = alert.attempt?.id;
    if (attemptId === undefined) return;
    const view = new QuestionDialog(alert, this.words, {
      decide: (decision, matchNumber) => void this.decide(attemptId, decision, matchNumber),
      dismiss: () => {
        this.dismissed.add(attemptId);
        this.emit("sessiond-dismissed", { attemptId });
        this.update();
      },
    });
    this.shown = { attemptId, alertId: alert.id, view };
    this.shadowRoot?.append(view.dialog);
    view.open();
  }

  private async decide(attemptId: string, decision: Decision, matchNumber: number | undefined) {
    try {
      await this.inbox?.decide(attemptId, decision, matchNumber);
      this.emit("sessiond-decided", { attemptId, decision });
    } catch (problem) {
      const text = this.words.failed(asError(problem));
      if (this.shown?.attemptId === attemptId) this.shown.view.showError(text);
      else this.tell(text);
    }
  }

  private hideQuestion() {
    this.shown?.view.close();
    this.shown = null;
  }

  private tell(text: string | null) {
    if (text === null) return;
    this.notice.text.textContent = text;
    this.notice.close.textContent = this.words.close;
    this.notice.box.ariaLabel = this.words.notices;
    this.notice.box.hidden = false;
  }

  private emit(name: string, detail: object) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  private build() {
    const root = this.attachShadow({ mode: "open" });
    // A constructed style sheet needs no exception in a Content-Security-Policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const text = create("p");
    const live = create("div", "", text);
    live.setAttribute("role", "alert");
    const close = create("button", "close");
    close.type = "button";
    const box = create("div", "notice", live, close);
    box.setAttribute("role", "region");
    box.hidden = true;
    close.addEventListener("click", () => {
      box.hidden = true;
    });
    root.append(box);
    return { box, text, close };
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "sessiond-alert": SessiondAlert;
  }
}

if (globalThis.customElements && !customElements.get("sessiond-alert")) {
  customElements.define("sessiond-alert", SessiondAlert);
}
