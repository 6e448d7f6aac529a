import type { Locator, Page } from 'playwright-core';

/** The first page, as a visitor handles it. */
export class LivePage {
  constructor(readonly page: Page) {}

  phone(id: 1 | 2): Phone {
    return new Phone(this.page.locator(`#device-${id}`));
  }

  async choose(policy: 'Refuse' | 'Take over' | 'Ask') {
    await this.page.getByText(policy, { exact: true }).click();
  }

  async strangerTries() {
    await this.page.getByRole('button', { name: 'A stranger tries' }).click();
  }

  /** The timeline's entry of an alert. */
  passed(sequence: number, title: string): Locator {
    return this.page.getByRole('article', { name: `Alert ${sequence}: ${title}` });
  }

  told(text: string): Locator {
    return this.page.getByRole('list', { name: 'Timeline' }).getByText(text);
  }

  /** Signs up on the first phone, which then listens. */
  async begin() {
    await this.phone(1).press('Sign up');
    await this.phone(1).shows('Active session');
    await this.phone(1).listens();
  }
}

export class Phone {
  constructor(readonly root: Locator) {}

  async press(name: string) {
    await this.root.getByRole('button', { name, exact: true }).click();
  }

  async shows(text: string) {
    await this.root.getByText(text).first().waitFor();
  }

  /** Waits until it hears alerts: it may also say “Not listening”. */
  async listens() {
    await this.root.getByText('Listening', { exact: true }).waitFor();
  }

  alerts(): Locator {
    return this.root.getByRole('list', { name: /^Alerts on Device/ }).getByRole('listitem');
  }

  /** The latest alert, once it says `title`. */
  async hears(title: string): Promise<string> {
    const latest = this.alerts().first().filter({ hasText: title });
    await latest.waitFor();
    return latest.innerText();
  }

  /** What the token's line says. */
  async token(says: 'Valid' | 'Not valid yet' | 'No longer valid') {
    await this.root.locator('p', { hasText: 'Token' }).getByText(says, { exact: true }).waitFor();
  }
}
