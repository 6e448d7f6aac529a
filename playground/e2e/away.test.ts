import { expect } from 'vitest';
import { test } from './fixtures';
import { execute } from './service';

test.override('serverOptions', { flags: ['--away-after', '1s'] });

interface Presence {
  status: string;
  isListening: boolean;
  lastSeenAt: string;
}

/**
 * Whether the active device does not listen, and has sent nothing for so long that the server knows that it is away:
 * half as long again as `--away-after`.
 */
async function isAway(url: string, mobile: string): Promise<boolean> {
  const query = `query($input: String!) {
    user(mobile: $input) { sessions { nodes { status isListening lastSeenAt } } }
  }`;
  const { user } = await execute(url, query, mobile);
  const { nodes } = (user as { sessions: { nodes: Presence[] } }).sessions;
  const active = nodes.find(({ status }) => status === 'ACTIVE');
  return active?.isListening === false && Date.now() - Date.parse(active.lastSeenAt) >= 1_500;
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
  await expect.poll(() => isAway(server.url, mobile), { timeout: 20_000 }).toBe(true);
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('The other device was offline, so this one took over.');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).press('Reconnect');
  await live.phone(1).waitForText('Another device took over.');
});
