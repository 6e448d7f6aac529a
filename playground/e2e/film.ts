import type { CDPSession, Page } from 'playwright-core';

interface Frame {
  /** A WebP image in base64. */
  image: string;
  /** How long it is shown, in milliseconds. */
  duration: number;
}

/**
 * Takes pictures of a part of a page, and puts them together to an animation: an SVG that contains
 * the pictures and shows one after the other. It needs no script, so a README can show it.
 */
export class Film {
  private readonly frames: Frame[] = [];

  private constructor(
    private readonly devtools: CDPSession,
    private readonly page: Page,
    private readonly clip: { x: number; y: number; width: number; height: number },
  ) {}

  static async of(page: Page, clip: { x: number; y: number; width: number; height: number }): Promise<Film> {
    return new Film(await page.context().newCDPSession(page), page, clip);
  }

  async shoot(duration: number) {
    await this.page.evaluate(() => document.fonts.ready);
    const { data } = await this.devtools.send('Page.captureScreenshot', {
      format: 'webp',
      quality: 82,
      clip: { ...this.clip, scale: 1 },
    });
    this.frames.push({ image: data, duration });
  }

  /** The animation. With reduced motion, it shows frame `still` only. */
  toSvg(title: string, still: number): string {
    const { width, height } = this.clip;
    const total = this.frames.reduce((sum, { duration }) => sum + duration, 0);
    const percent = (time: number) => `${((100 * time) / total).toFixed(3)}%`;
    let start = 0;
    const rules: string[] = [];
    const images = this.frames.map(({ image, duration }, index) => {
      const end = start + duration;
      const isFirst = start === 0;
      rules.push(
        `@keyframes f${index}{0%{visibility:${isFirst ? 'visible' : 'hidden'}}` +
          `${isFirst ? '' : `${percent(start)}{visibility:visible}`}${percent(end)},100%{visibility:hidden}}` +
          `.f${index}{animation-name:f${index}}`,
      );
      start = end;
      return `<image class="f f${index}" width="${width}" height="${height}" href="data:image/webp;base64,${image}"/>`;
    });
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">`,
      '<style>',
      `.f{visibility:hidden;animation:${total}ms step-end infinite}`,
      ...rules,
      `@media (prefers-reduced-motion:reduce){.f{animation:none}.f${still}{visibility:visible}}`,
      '</style>',
      ...images,
      '</svg>',
      '',
    ].join('\n');
  }
}
