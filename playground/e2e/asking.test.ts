import { expect } from 'vitest';
import { test } from './fixtures';

test('the waiting phone shows a number, and the first one must select it among three', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  const number = await live.phone(2).matchNumber();
  await live.phone(1).waitForAlert('A device asks to log in');
  const choices = await live.phone(1).choices();
  expect(choices).toHaveLength(3);
  expect(choices).toContain(number);
  await live.approve();
  await live.phone(2).waitForText('Active session');
  await live.phone(1).waitForToken('No longer valid');
});

test('a wrong number denies the login', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  const number = await live.phone(2).matchNumber();
  await live.phone(1).waitForAlert('A device asks to log in');
  const wrong = (await live.phone(1).choices()).find((choice) => choice !== number);
  await live.phone(1).press(String(wrong));
  await live.phone(2).waitForText('The login was not approved.');
  await live.phone(1).waitForText('The other device shows another number');
  await live.timelineText('Wrong number').waitFor();
  await live.phone(1).waitForToken('Valid');
});

test('a new device is marked once it may log in, and no more after it was logged in', async ({ live }) => {
  await live.signUp();
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  expect(await live.phone(1).waitForAlert('A device asks to log in')).toContain('New device');
  await live.approve();
  await live.phone(2).waitUntilListening();
  await live.phone(1).press('Log in');
  expect(await live.phone(2).waitForAlert('A device asks to log in')).not.toContain('New device');
  await live.approve(2);
  await live.phone(1).waitForToken('Valid');
  await live.choose('Refuse');
  await live.logInAsStranger();
  expect(await live.phone(1).waitForAlert('Login refused')).toContain('New device');
});

test('if the first phone is offline, the second one says so, and the first one answers when it is back', async ({
  live,
}) => {
  await live.signUp();
  await live.phone(1).press('Disconnect');
  await live.choose('Ask');
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('Your other device is offline.');
  await live.phone(1).press('Reconnect');
  await live.phone(1).waitForText('Replayed after the device reconnected');
  await live.approve();
  await live.phone(2).waitForToken('Valid');
});

test('“It wasn’t me” freezes the account, and the bank ends the freeze', async ({ visitor, live }) => {
  const { page } = visitor;
  await live.signUp();
  await live.logInAsStranger();
  await live.phone(1).waitForAlert('Login refused');
  const question = page.getByRole('dialog', { name: 'It wasn’t you?' });
  await live.phone(1).press('It wasn’t me');
  await question.getByRole('button', { name: 'Cancel' }).click();
  await question.waitFor({ state: 'hidden' });
  await live.phone(1).waitForToken('Valid');
  await live.phone(1).press('It wasn’t me');
  await question.getByRole('button', { name: 'Freeze the account' }).click();
  await live.phone(1).waitForText('Account frozen');
  await live.phone(1).waitForToken('No longer valid');
  await live.timelineAlert(2, 'Account frozen').waitFor();
  await live.phone(2).press('Log in');
  await live.phone(2).waitForText('This account is frozen.');
  await live.phone(2).press('End the freeze, as the bank');
  await live.phone(2).waitForText('The account is no longer frozen.');
  await live.phone(1).waitForText('Every device was logged out when the account was frozen.');
  await live.timelineText('ends the freeze').waitFor();
  await live.phone(1).press('Log in');
  await live.phone(1).waitForToken('Valid');
});
