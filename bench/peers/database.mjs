// Reads sessions and users from sessiond's own database file, with one prepared statement each.
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';

const PREFIX = 'sd1_';

const uuid = (bytes) => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const instant = (millis) => new Date(millis).toISOString();

export function open(path) {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  const byToken = database.prepare('SELECT * FROM sessions WHERE user = ? AND token_hash = ?');
  const byMobile = database.prepare('SELECT id, mobile, username FROM users WHERE mobile = ?');
  const ofUser = database.prepare(
    'SELECT * FROM sessions WHERE user = ? ORDER BY number DESC LIMIT ?',
  );

  return {
    /** The session that the token in an `Authorization` header opens, or null. */
    sessionByToken(authorization) {
      const encoded = authorization?.startsWith(`Bearer ${PREFIX}`)
        ? authorization.slice(`Bearer ${PREFIX}`.length)
        : '';
      const token = Buffer.from(encoded, 'base64url');
      if (token.length !== 48) return null;
      const hash = createHash('sha256').update(token).digest();
      const row = byToken.get(token.subarray(0, 16), hash);
      return row ? toSession(row) : null;
    },

    /** The user with this number, if the number belongs to the valid session. */
    userByMobile(mobile, caller) {
      if (!caller?.isValid || caller.user.mobile !== mobile) return null;
      const row = byMobile.get(mobile);
      return row ? { row, id: uuid(row.id), mobile: row.mobile, username: row.username } : null;
    },

    /** The newest sessions of a user. */
    sessionsOf(user, first) {
      return ofUser.all(user.row.id, first).map(toSession);
    },
  };
}

function toSession(row) {
  const expiresAt = Math.min(row.last_seen_at + row.idle_timeout, row.lifetime_ends_at);
  const isValid = row.status === 'active' && Date.now() < expiresAt;
  return {
    sessionKey: uuid(row.key),
    isValid,
    status: isValid ? 'ACTIVE' : 'ENDED',
    expiresAt: instant(expiresAt),
    createdAt: instant(row.created_at),
    lastSeenAt: instant(row.last_seen_at),
    ipAddress: row.address,
    device: { label: deviceLabel(row.user_agent) },
    user: { id: uuid(row.user), mobile: row.mobile, username: row.username },
  };
}

/** A label such as `Firefox 128 on Linux`, from the two patterns that the prepared data needs. */
function deviceLabel(userAgent) {
  const browser = /(Firefox|Chrome|Safari)\/(\d+)/.exec(userAgent);
  const system = /(Windows|Linux|Mac OS X|Android|iPhone)/.exec(userAgent);
  return `${browser ? `${browser[1]} ${browser[2]}` : 'Unknown'} on ${system ? system[1] : 'unknown'}`;
}
