import type { Alert, Decision } from "../types.js";
import { create, isolated } from "./dom.js";
import type { AlertTexts } from "./texts.js";

export interface QuestionHandlers {
  decide(decision: Decision, matchNumber: number | undefined): void;
  /** The user closed the dialog without a decision. */
  dismiss(): void;
}

/** The dialog "Is this you?" of one waiting login. */
export class QuestionDialog {
  readonly dialog: HTMLDialogElement;
  private readonly title: HTMLElement;
  private readonly error = create("p", "error");
  private readonly approve: HTMLButtonElement;
  private readonly deny: HTMLButtonElement;
  private matchNumber: number | undefined;
  private isSending = false;

  constructor(
    alert: Alert,
    texts: AlertTexts,
    private readonly handlers: QuestionHandlers,
  ) {
    this.title = create("h2", "title", texts.title);
    this.title.id = "title";
    this.title.tabIndex = -1;
    const text = create(
      "div",
      "text",
      create("p", "", texts.intro),
      details(alert, texts),
      create("p", "", texts.warning),
    );
    text.id = "text";
    this.error.setAttribute("role", "alert");
    this.approve = this.button("approve", texts.approve, "APPROVE");
    this.deny = this.button("deny", texts.deny, "DENY");
    const choices = alert.attempt?.matchChoices ?? null;
    const actions = create("div", "actions", this.deny, this.approve);
    this.dialog = create("dialog", "dialog", this.title, text, ...this.numbers(choices, texts), this.error, actions);
    this.dialog.setAttribute("role", "alertdialog");
    this.dialog.setAttribute("aria-labelledby", "title");
    this.dialog.setAttribute("aria-describedby", "text");
    this.dialog.addEventListener("cancel", () => handlers.dismiss());
    this.approve.disabled = choices !== null;
  }

  /** The title gets the focus, so that a person who is typing decides nothing by accident. */
  open() {
    this.dialog.showModal();
    this.title.focus();
  }

  close() {
    this.dialog.close();
    this.dialog.remove();
  }

  showError(text: string) {
    this.isSending = false;
    this.dialog.removeAttribute("aria-busy");
    this.error.textContent = text;
  }

  private button(part: string, text: string, decision: Decision) {
    const button = create("button", part, text);
    button.type = "button";
    button.addEventListener("click", () => {
      // The buttons stay enabled while the decision is sent, because a disabled one loses the focus.
      if (this.isSending) return;
      this.isSending = true;
      this.dialog.setAttribute("aria-busy", "true");
      this.error.textContent = "";
      this.handlers.decide(decision, decision === "APPROVE" ? this.matchNumber : undefined);
    });
    return button;
  }

  private numbers(choices: readonly number[] | null, texts: AlertTexts): HTMLElement[] {
    if (!choices) return [];
    const labels = choices.map((number) => {
      const input = create("input");
      input.type = "radio";
      input.name = "number";
      input.value = String(number);
      input.addEventListener("change", () => {
        this.matchNumber = number;
        this.approve.disabled = false;
      });
      return create("label", "choice", input, String(number));
    });
    return [create("fieldset", "choices", create("legend", "", texts.chooseNumber), ...labels)];
  }
}

function details({ attempt, createdAt }: Alert, texts: AlertTexts): HTMLElement {
  const { place } = attempt ?? {};
  const rows: [string, string | undefined][] = [
    [texts.device, attempt?.device.label],
    [texts.address, attempt?.ipAddress],
    [texts.place, [place?.city, place?.country].filter(Boolean).join(", ")],
    [texts.time, new Date(createdAt).toLocaleTimeString(document.documentElement.lang || undefined)],
  ];
  const shown = rows.filter((row): row is [string, string] => Boolean(row[1]));
  return create(
    "dl",
    "details",
    ...shown.flatMap(([name, value]) => [create("dt", "", name), create("dd", "", isolated(value))]),
  );
}
