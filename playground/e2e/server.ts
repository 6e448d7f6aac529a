import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Server {
  url: string;
  /** Stops the server, and starts it again on the same port and database file after `act`. */
  whileStopped(act: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** The service key. Without one, the server runs in development mode. */
  key?: string;
  flags?: readonly string[];
}

/** At least 32 characters, as the server requires. */
export const serviceKey = 'the-service-key-of-the-end-to-end-tests';

/** Starts the binary on its own port and database file. */
export async function startServer({ key, flags = [] }: ServerOptions = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'sessiond-e2e-'));
  let running = await run(folder, '127.0.0.1:0', key, flags);
  const { url } = running;
  return {
    url,
    async whileStopped(act) {
      await running.stop();
      try {
        await act();
      } finally {
        running = await run(folder, new URL(url).host, key, flags);
      }
    },
    async stop() {
      await running.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function run(folder: string, listen: string, key: string | undefined, flags: readonly string[]) {
  const binary = process.env.SESSIOND;
  if (!binary) throw new Error('SESSIOND is not set to the path of the release binary: run `make e2e`');
  const database = `sqlite:${join(folder, 'test.db')}`;
  // With a service key, the server has no playground by default.
  const own = ['--listen', listen, '--database', database, '--playground', 'on'];
  const child = spawn(binary, [...own, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // No other variable is passed on, because the environment may contain settings of the server.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // The page Live lets its visitor choose every conflict policy, also if it is no service.
      ...(key === undefined ? {} : { SESSIOND_SERVICE_KEY: key, SESSIOND_CLIENT_ON_CONFLICT: 'reject,ask,take-over' }),
    },
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const found = /listening on (http:\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`sessiond exited with ${code} before it was ready`)));
  });
  return {
    url,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
