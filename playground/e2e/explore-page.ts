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

  async tab(name: string) {
    await this.page.locator('.graphiql-tabs').getByRole('button', { name, exact: true }).click();
  }

  /** Replaces what the Variables pane holds. */
  async fillVariables(variables: object) {
    await this.page.locator('.graphiql-editor-tool .view-lines').first().click();
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.insertText(JSON.stringify(variables));
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
