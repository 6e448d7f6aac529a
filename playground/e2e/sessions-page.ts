import type { Visit } from './browser';

/**
 * Aborts the requests of a look-up, waits until the page reports it, and presses its button for a
 * retry. `lookUp` starts the look-up. The server still receives its first `passed` requests.
 */
export async function failAndRetry({ page }: Visit, lookUp: () => Promise<void>, passed = 0) {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let requests = 0;
  await page.route('**/graphql', async (route) => {
    requests += 1;
    if (requests <= passed) return route.continue();
    await held;
    await route.abort();
  });
  await lookUp();
  await page.getByText('Looking up the user').waitFor({ state: 'attached' });
  release();
  await page.getByRole('alert').getByText('The server did not respond.').waitFor();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
}
