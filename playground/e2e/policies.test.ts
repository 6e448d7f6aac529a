import { test } from './fixtures';
import { serviceKey } from './server';

// The default of a server with a service key.
test.override('serverOptions', { key: serviceKey, flags: ['--client-on-conflict', 'reject'] });

test('a policy that clients may not choose says so, and what to do', async ({ visitor, live }) => {
  const { page } = visitor;
  await live.phone(1).press('Sign up');
  await page.getByRole('button', { name: 'Register' }).click();
  await live.phone(1).waitUntilListening();
  const warning = page.getByRole('status').filter({ hasText: 'lets only the service choose that' });
  await live.phone(2).waitForText('Log in');
  for (const policy of ['Take over', 'Ask'] as const) {
    await live.choose(policy);
    await warning.filter({ hasText: 'Enter the service key at the top of the page' }).waitFor();
    await live.phone(2).press('Log in');
    await live.phone(2).waitForText('--client-on-conflict=reject,ask,take-over');
  }
  await live.choose('Refuse');
  await warning.waitFor({ state: 'hidden' });
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');

  await page.getByRole('button', { name: 'Enter a key or token' }).click();
  await page.getByLabel('Service key or session token').fill(serviceKey);
  await page.getByRole('button', { name: 'Use it' }).click();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Waiting for approval');
});
