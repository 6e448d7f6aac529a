import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { schemes, widths } from './browser';
import { test } from './fixtures';

/** The places of the addresses in `src/demo/devices.ts`. `tests/api/places.rs` describes the file. */
test.override('serverOptions', { flags: ['--geoip-file', join(import.meta.dirname, 'places.mmdb')] });

describe.each(widths)('at %i px', (width) => {
  describe.each(schemes)('%s', (scheme) => {
    test.override('visitOptions', { width, scheme });

    test('an alert shows where the login came from, and marks another country', async ({ visitor, live }) => {
      const { page } = visitor;
      await live.signUp();
      await live.choose('Ask');
      await live.phone(2).press('Log in');
      const own = await live.phone(1).waitForAlert('A device asks to log in');
      expect(own).toContain('Porto, Portugal');
      expect(own).not.toContain('Another country');
      await live.phone(1).press('Deny');
      await live.phone(2).waitForText('The login was not approved.');

      await live.choose('Refuse');
      await live.logInAsStranger();
      const foreign = await live.phone(1).waitForAlert('Login refused');
      expect(foreign).toContain('São Paulo, Brazil');
      expect(foreign).toContain('Another country');
      await page.getByRole('list', { name: 'Timeline' }).getByText('São Paulo, Brazil').first().waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
    });
  });
});
