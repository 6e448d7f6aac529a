import { expect } from 'vitest';
import { test } from './fixtures';
import { execute } from './service';

test.override('serverOptions', { flags: ['--away-after', '1s'] });

interface Presence {
  status: string;
  isListening: boolean;
  lastSeenAt: string;
}

/** Half as long again as `--away-after`: the server notices up to so late that a device is away. */
const NOTICED_AFTER_MS = 1_500;

/** The active device: whether it listens, and its last request. */
async function activeDevice(url: string, mobile: string): Promise<Presence | undefined> {
  const query = `query($input: String!) {
    user(mobile: $input) { sessions { nodes { status isListening lastSeenAt } } }
  }`;
  const { user } = await execute(url, query, mobile);
  const { nodes } = (user as { sessions: { nodes: Presence[] } }).sessions;
  return nodes.find(({ status }) => status === 'ACTIVE');
}

/** Waits until the server knows that the active device is away. The end of its stream counts like a request. */
async function waitUntilAway(url: string, mobile: string): Promise<void> {
  let lastListened = Date.now();
  await expect
    .poll(
      async () => {
        const active = await activeDevice(url, mobile);
        if (active?.isListening !== false) lastListened = Date.now();
        const last = Math.max(lastListened, Date.parse(active?.lastSeenAt ?? ''));
        return Date.now() - last >= NOTICED_AFTER_MS;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}

test('the second phone takes over from one that has been offline, if that is chosen', async ({
  server,
  visitor,
  live,
}) => {
  const { page } = visitor;
  await live.signUp();
  await live.choose('Ask');
  await page.getByLabel('If Device 1 has been offline for 1 second, it').selectOption('is taken over');
  // While the first phone listens, it is asked.
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Waiting for approval');
  await live.phone(1).press('Deny');
  await live.phone(2).waitForText('The login was not approved.');
  await live.phone(1).press('Disconnect');
  const shown = await live
    .phone(1)
    .root.getByText(/^\+999 /)
    .innerText();
  const mobile = shown.replaceAll(' ', '');
  await waitUntilAway(server.url, mobile);
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('The other device was offline, so this one took over.');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).press('Reconnect');
  await live.phone(1).waitForText('Another device took over.');
});
