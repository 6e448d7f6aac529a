import { test } from './fixtures';

test.override('serverOptions', { flags: ['--away-after', '1s'] });

test('the second phone takes over from one that has been offline, if that is chosen', async ({ visitor, live }) => {
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
  await page.waitForFunction(
    (since) => performance.now() - since > 1_500,
    await page.evaluate(() => performance.now()),
  );
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('The other device was offline, so this one took over.');
  await live.phone(2).waitForToken('Valid');
  await live.phone(1).press('Reconnect');
  await live.phone(1).waitForText('Another device took over.');
});
