import type { DemoUser } from './model';

/**
 * A new user with a random number. The country code 999 is not assigned, so the number belongs to no person. A 0 after
 * the country code would be a trunk prefix.
 */
export function newDemoUser(): DemoUser {
  const [first = 0, ...rest] = crypto.getRandomValues(new Uint8Array(9));
  const digits = [1 + (first % 9), ...rest.map((byte) => byte % 10)];
  const password = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0'));
  return { mobile: `+999${digits.join('')}`, username: 'SavingsBank', password: password.join('') };
}
