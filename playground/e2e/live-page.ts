import type { Locator, Page } from 'playwright-core';

/** The first page, as a visitor uses it. */
export class LivePage {
  constructor(readonly page: Page) {}

  phone(id: 1 | 2): Phone {
    return new Phone(this.page.locator(`#device-${id}`));
  }

  async choose(policy: 'Refuse' | 'Take over' | 'Ask') {
    await this.page.getByText(policy, { exact: true }).click();
  }

  async logInAsStranger() {
    await this.page.getByRole('button', { name: 'A stranger tries' }).click();
  }

  /** The entry of an alert in the timeline. */
  timelineAlert(sequence: number, title: string): Locator {
    return this.page.getByRole('article', { name: `Alert ${sequence}: ${title}` });
  }

  timelineText(text: string): Locator {
    return this.page.getByRole('list', { name: 'Timeline' }).getByText(text);
  }

  /** The requests of the phone that was used last, with their responses. */
  requests(): Requests {
    return new Requests(this.page.getByRole('region', { name: 'Requests' }));
  }

  /** Signs up on the first phone, and waits until it receives alerts. */
  async signUp() {
    await this.phone(1).press('Sign up');
    await this.phone(1).waitForText('Active session');
    await this.phone(1).waitUntilListening();
  }

  /** Logs in on the second phone twice: the first login is refused, the second needs an approval. */
  async refuseThenAsk() {
    await this.phone(2).press('Log in');
    await this.phone(1).waitForAlert('Login refused');
    await this.choose('Ask');
    await this.phone(2).press('Log in');
    await this.phone(1).root.getByRole('button', { name: 'Deny' }).waitFor();
  }

  /** Selects on a phone the number that the other one shows, which approves the login. */
  async approve(id: 1 | 2 = 1) {
    const number = await this.phone(id === 1 ? 2 : 1).matchNumber();
    await this.phone(id).press(String(number));
  }
}

export class Requests {
  constructor(readonly root: Locator) {}

  async choose(part: 'Operation' | 'Variables' | 'Response') {
    await this.root.getByText(part, { exact: true }).click();
  }

  async press(name: string) {
    await this.root.getByRole('button', { name, exact: true }).click();
  }

  async waitForText(text: string) {
    await this.root.getByText(text).first().waitFor();
  }
}

export class Phone {
  constructor(readonly root: Locator) {}

  async press(name: string) {
    await this.root.getByRole('button', { name, exact: true }).click();
  }

  async waitForText(text: string) {
    await this.root.getByText(text).first().waitFor();
  }

  /**
   * Waits until the phone receives alerts. The match is exact, because the phone can also show “Not
   * listening”.
   */
  async waitUntilListening() {
    await this.root.getByText('Listening', { exact: true }).waitFor();
  }

  /** The number that the phone shows while its login waits. */
  async matchNumber(): Promise<number> {
    const sentence = this.root.getByText(/^Tap \d\d on .* within/);
    await sentence.waitFor();
    return Number(/\d\d/.exec(await sentence.innerText())?.[0]);
  }

  /** The numbers that the phone offers for an approval. */
  async choices(): Promise<number[]> {
    const buttons = this.root.getByRole('group', { name: /^Is this you/ }).getByRole('button');
    // The question follows the alert.
    await buttons.first().waitFor();
    return (await buttons.allInnerTexts()).map(Number);
  }

  alerts(): Locator {
    return this.root.getByRole('list', { name: /^Alerts on Device/ }).getByRole('listitem');
  }

  /** Waits until the newest alert has this title, and returns its text. */
  async waitForAlert(title: string): Promise<string> {
    const latest = this.alerts().first().filter({ hasText: title });
    await latest.waitFor();
    return latest.innerText();
  }

  /** Waits until the phone shows its token in this state. */
  async waitForToken(state: 'Valid' | 'Not valid yet' | 'No longer valid') {
    await this.root.locator('p', { hasText: 'Token' }).getByText(state, { exact: true }).waitFor();
  }
}
