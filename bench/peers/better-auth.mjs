// The get-session endpoint of better-auth on Node's HTTP server.
// `node better-auth.mjs FILE prepare USERS COOKIES` creates the database, with one session for each
// user, and writes the session cookies to the file COOKIES, one a line.
// `node better-auth.mjs FILE` serves it.
import { createHash, createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import Database from 'better-sqlite3';

const [file, command, users, cookies] = process.argv.slice(2);
const SECRET = 'a secret of the benchmark, at least 32 characters';
const COOKIE = 'better-auth.session_token';

const database = new Database(file);
database.pragma('journal_mode = WAL');
const options = {
  database,
  secret: SECRET,
  baseURL: 'http://127.0.0.1',
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  session: { expiresIn: 30 * 24 * 3600, updateAge: 24 * 3600 },
};

if (command === 'prepare') {
  await prepare(Number(users));
} else {
  const server = createServer(toNodeHandler(betterAuth(options)));
  server.listen(0, '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}`);
  });
}

async function prepare(count) {
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const now = new Date().toISOString();
  const expiresAt = new Date(Date.now() + options.session.expiresIn * 1000).toISOString();
  const addUser = database.prepare(
    `INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt)
     VALUES (?, 'Ada', ?, 0, ?, ?)`,
  );
  const addSession = database.prepare(
    `INSERT INTO session (id, expiresAt, token, createdAt, updatedAt, ipAddress, userAgent, userId)
     VALUES (?, ?, ?, ?, ?, '192.0.2.1', 'Firefox/128.0', ?)`,
  );
  const random = (kind, number) =>
    createHash('sha256').update(`${kind} ${number}`).digest('base64url').slice(0, 32);
  const lines = [];
  const insert = database.transaction(() => {
    for (let number = 0; number < count; number += 1) {
      const [user, token] = [random('user', number), random('token', number)];
      addUser.run(user, `user-${number}@example.com`, now, now);
      addSession.run(random('session', number), expiresAt, token, now, now, user);
      const signature = createHmac('sha256', SECRET).update(token).digest('base64');
      lines.push(`${COOKIE}=${encodeURIComponent(`${token}.${signature}`)}`);
    }
  });
  insert();
  writeFileSync(cookies, `${lines.join('\n')}\n`);
}
