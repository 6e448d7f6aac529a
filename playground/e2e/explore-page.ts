import type { Locator, Page } from 'playwright-core';

/** The editor's page, as a visitor handles it. */
export class ExplorePage {
  constructor(readonly page: Page) {}

  /** Waits until the editors are there and the schema is known. */
  async ready() {
    await this.page.locator('.graphiql-response').waitFor();
    await this.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await this.page.locator('.graphiql-container .graphiql-execute-button').waitFor();
  }

  async run() {
    await this.page.getByRole('button', { name: /^Execute query/ }).click();
  }

  /** Stops what the open tab runs. */
  async stop() {
    await this.page.getByRole('button', { name: /^Stop query/ }).click();
  }

  /** Waits until nothing runs in the open tab. */
  async isIdle() {
    await this.page.getByRole('button', { name: /^Execute query/ }).waitFor();
  }

  /** What the result pane shows: what is drawn of it, with plain blanks. */
  async result(): Promise<string> {
    const drawn = await this.page.locator('.graphiql-response .view-lines').textContent();
    return (drawn ?? '').replaceAll('\u00a0', ' ');
  }

  async tab(name: string) {
    await this.page.locator('.graphiql-tabs').getByRole('button', { name, exact: true }).click();
  }

  /** Replaces the operation. */
  async fillOperation(operation: string) {
    await this.fill('.graphiql-query-editor', operation);
  }

  /** Replaces what the Variables pane holds. */
  async fillVariables(variables: object) {
    await this.fill('.graphiql-editor-tool', JSON.stringify(variables));
  }

  private async fill(editor: string, text: string) {
    await this.page.locator(`${editor} .view-lines`).first().click();
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.insertText(text);
    // The editor closes each bracket and quote by itself.
    await this.page.keyboard.press('ControlOrMeta+Shift+End');
    await this.page.keyboard.press('Delete');
  }

  /** Waits for an answer that matches. The editor draws only the lines in view, and writes blanks of its own. */
  async answers(pattern: RegExp) {
    await this.page.waitForFunction(
      ([source]) => {
        const drawn = document.querySelector('.graphiql-response .view-lines')?.textContent ?? '';
        return new RegExp(source ?? '').test(drawn.replaceAll('\u00a0', ' '));
      },
      [pattern.source],
    );
  }

  async connection(says: string) {
    await this.page.getByRole('status').getByText(says, { exact: true }).waitFor();
  }

  /** The log's rows of one status, the latest first. */
  event(status: string | RegExp): Locator {
    return this.page
      .getByRole('region', { name: 'Events, latest first' })
      .getByRole('row')
      .filter({ has: this.page.getByText(status, { exact: true }) });
  }
}
