import type { DemoUser } from './model';

/** A user whom no other run knows. No country has the code 999, so the number is nobody's. */
export function newDemoUser(): DemoUser {
  const digits = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte % 10);
  const password = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0'));
  return { mobile: `+999${digits.join('')}`, username: 'SavingsBank', password: password.join('') };
}

/** The number as a person reads it: `+999 123 456 789`. */
export function spaced(mobile: string): string {
  return mobile.replace(/(\d{3})(?=\d)/g, '$1 ');
}
