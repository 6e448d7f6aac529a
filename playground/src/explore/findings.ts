/** What the responses of the editor's operations contain, for the operations that follow. */
export interface FoundState {
  /** The tokens, the latest first. */
  tokens: readonly FoundToken[];
  /** Values for variables of the same name that are empty. */
  ids: { attemptId?: string; sessionKey?: string };
}

export interface FoundToken {
  token: string;
  /** The name of the operation that returned it. */
  operation: string;
}

const MAX_TOKENS = 5;

/** Collects tokens and ids from responses. They are kept in memory only. */
export class Findings {
  private state: FoundState = { tokens: [], ids: {} };
  private readonly listeners = new Set<() => void>();

  readonly read = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Reads the response of an operation, or an event of a subscription. */
  add(operation: string, response: unknown) {
    const before = this.state;
    this.visit(operation, response);
    if (this.state === before) return;
    for (const listener of this.listeners) listener();
  }

  private visit(operation: string, value: unknown) {
    if (typeof value !== 'object' || value === null) return;
    const { token, session, attempt, kind } = value as Record<string, unknown>;
    // A response with a token has opened the session. An alert is about another one.
    if (isText(token)) {
      const others = this.state.tokens.filter((known) => known.token !== token);
      this.state = { ...this.state, tokens: [{ token, operation }, ...others].slice(0, MAX_TOKENS) };
      this.setId('sessionKey', session, 'sessionKey');
    }
    if (kind === 'LOGIN_PENDING') this.setId('attemptId', attempt, 'id');
    for (const part of Object.values(value)) this.visit(operation, part);
  }

  private setId(name: keyof FoundState['ids'], object: unknown, field: string) {
    const id = (object as Record<string, unknown> | null | undefined)?.[field];
    if (isText(id)) this.state = { ...this.state, ids: { ...this.state.ids, [name]: id } };
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/**
 * The text of the Variables pane with the found ids. Fills in what is empty, and replaces what was
 * filled in before. Returns null if nothing changes.
 */
export function fillVariables(text: string, ids: FoundState['ids'], filled: ReadonlySet<string>): string | null {
  try {
    const variables = JSON.parse(text) as Record<string, unknown>;
    let isChanged = false;
    for (const [name, id] of Object.entries(ids)) {
      const value = variables[name];
      if (value === id || !(value === '' || (typeof value === 'string' && filled.has(value)))) continue;
      variables[name] = id;
      isChanged = true;
    }
    return isChanged ? JSON.stringify(variables, null, 2) : null;
  } catch {
    return null; // The visitor is still writing.
  }
}
