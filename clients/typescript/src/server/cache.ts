/** A session that `/verify` has confirmed. */
export interface CheckedSession {
  sessionKey: string;
  userId: string;
  mobile: string;
  username: string;
  /** When the session ends if no further request arrives. */
  expiresAt: Date;
}

export interface Entry {
  session: CheckedSession;
  /** When the check began, in milliseconds since 1970. */
  checkedAt: number;
}

/** The number of removals that are remembered, for checks that run at the same time. */
const REMEMBERED = 1_000;

/** Checked sessions by the hash of their token. The oldest check is evicted if the cache is full. */
export class SessionCache {
  private readonly entries = new Map<string, Entry>();
  private readonly hashes = new Map<string, string>();
  /** The last removals, each a session's key or a user's id, as a ring. */
  private readonly removed: string[] = [];
  /** The number of removals so far. */
  removals = 0;

  constructor(private readonly capacity: number) {}

  get(hash: string): Entry | undefined {
    return this.entries.get(hash);
  }

  /**
   * Inserts a session whose check began when `removals` was `since`. Returns false if the session
   * was removed in the meantime, or if that is no longer known.
   */
  insert(hash: string, entry: Entry, since: number): boolean {
    const { sessionKey, userId } = entry.session;
    if (this.removals - since > REMEMBERED) return false;
    for (let index = since; index < this.removals; index++) {
      const id = this.removed[index % REMEMBERED];
      if (id === sessionKey || id === userId) return false;
    }
    this.delete(hash);
    this.entries.set(hash, entry);
    this.hashes.set(sessionKey, hash);
    if (this.entries.size > this.capacity) {
      const [oldest] = this.entries.keys();
      if (oldest !== undefined) this.delete(oldest);
    }
    return true;
  }

  delete(hash: string) {
    const entry = this.entries.get(hash);
    if (!entry) return;
    this.entries.delete(hash);
    if (this.hashes.get(entry.session.sessionKey) === hash) this.hashes.delete(entry.session.sessionKey);
  }

  removeSession(sessionKey: string) {
    this.remember(sessionKey);
    const hash = this.hashes.get(sessionKey);
    if (hash !== undefined) this.delete(hash);
  }

  removeUser(userId: string) {
    this.remember(userId);
    for (const [hash, { session }] of this.entries) if (session.userId === userId) this.delete(hash);
  }

  clear() {
    this.entries.clear();
    this.hashes.clear();
  }

  get size(): number {
    return this.entries.size;
  }

  private remember(id: string) {
    this.removed[this.removals % REMEMBERED] = id;
    this.removals += 1;
  }
}
