import type { Locator, Page } from 'playwright-core';

/** The page with the editor, as a visitor uses it. */
export class ExplorePage {
  constructor(readonly page: Page) {}

  /** Waits until the editors, the result pane and the Execute button are drawn. */
  async ready() {
    await this.page.locator('.graphiql-response').waitFor();
    await this.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await this.page.locator('.graphiql-container .graphiql-execute-button').waitFor();
  }

  async run() {
    await this.page.getByRole('button', { name: /^Execute query/ }).click();
  }

  /** Stops the operation of the open tab. */
  async stop() {
    await this.page.getByRole('button', { name: /^Stop query/ }).click();
  }

  /** Waits until no operation runs in the open tab. */
  async waitUntilIdle() {
    await this.page.getByRole('button', { name: /^Execute query/ }).waitFor();
  }

  /** The text that the result pane draws, with its non-breaking spaces replaced by spaces. */
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

  /** Replaces the content of the Variables pane. */
  async fillVariables(variables: object) {
    await this.fill('.graphiql-editor-tool', JSON.stringify(variables));
  }

  /** Replaces the content of the open Headers pane. */
  async fillHeaders(headers: object) {
    await this.fill('.graphiql-editor-tool > .graphiql-editor:not(.hidden)', JSON.stringify(headers));
  }

  /** Waits until the Variables pane contains this text. */
  async waitForVariables(text: string) {
    await this.page.waitForFunction(
      ([wanted]) =>
        [...document.querySelectorAll('.graphiql-editor-tool .view-lines')].some((pane) =>
          (pane.textContent ?? '').replaceAll('\u00a0', ' ').includes(wanted ?? ''),
        ),
      [text],
    );
  }

  private async fill(editor: string, text: string) {
    await this.page.locator(`${editor} .view-lines`).first().click();
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.insertText(text);
    // The editor has inserted closing brackets and quotes after the text.
    await this.page.keyboard.press('ControlOrMeta+Shift+End');
    await this.page.keyboard.press('Delete');
  }

  /**
   * Waits until the result pane matches. The editor draws only the visible lines, with non-breaking
   * spaces.
   */
  async waitForResult(pattern: RegExp) {
    await this.page.waitForFunction(
      ([source]) => {
        const drawn = document.querySelector('.graphiql-response .view-lines')?.textContent ?? '';
        return new RegExp(source ?? '').test(drawn.replaceAll('\u00a0', ' '));
      },
      [pattern.source],
    );
  }

  async waitForConnection(text: string) {
    await this.page.getByRole('status').getByText(text, { exact: true }).waitFor();
  }

  /** The rows of the event log with this status, newest first. */
  event(status: string | RegExp): Locator {
    return this.page
      .getByRole('region', { name: 'Events, latest first' })
      .getByRole('row')
      .filter({ has: this.page.getByText(status, { exact: true }) });
  }
}
