import { expect } from 'vitest';
import { test } from './fixtures';
import { serviceKey } from './server';

// The service skips the pause.
test.override('serverOptions', { key: serviceKey });

test('after a denial, the second phone says when it may ask again', async ({ live }) => {
  await live.phone(1).press('Sign up');
  await live.page.getByRole('button', { name: 'Register' }).click();
  await live.phone(1).waitUntilListening();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(1).press('Deny');
  await live.phone(2).waitForText('The login was not approved.');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('You can ask again in');
  const left = live.phone(2).root.getByRole('timer', { name: 'Time until the next attempt' });
  expect(await left.innerText()).toMatch(/^(1:00|0:[0-5]\d)$/);
  // The first phone is not asked again.
  expect(await live.phone(1).root.getByRole('button', { name: 'Deny' }).count()).toBe(0);
});

test('without the service, only time ends a freeze', async ({ live }) => {
  await live.phone(1).press('Sign up');
  await live.page.getByRole('button', { name: 'Register' }).click();
  await live.phone(1).waitUntilListening();
  await live.phone(2).press('Log in');
  await live.phone(1).waitForAlert('Login refused');
  await live.phone(1).press('It wasn’t me');
  await live.page.getByRole('button', { name: 'Freeze the account' }).click();
  await live.phone(1).waitForText('Account frozen');
  await live.phone(1).waitForText('Only the service can end the freeze');
  expect(
    await live
      .phone(1)
      .root.getByRole('button', { name: /End the freeze/ })
      .count(),
  ).toBe(0);
});
