import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/**
 * Adds the font's license to the license file of the build, which lists only packages that are
 * imported as code.
 */
export function fontLicense(fileName: string): Plugin {
  let root = '';
  return {
    name: 'font-license',
    apply: 'build',
    configResolved(config) {
      root = config.root;
    },
    async writeBundle({ dir }) {
      const font = join(root, 'node_modules/@fontsource-variable/inter');
      const { name, version, license } = JSON.parse(await readFile(join(font, 'package.json'), 'utf8'));
      const text = await readFile(join(font, 'LICENSE'), 'utf8');
      await appendFile(join(dir ?? join(root, 'dist'), fileName), `\n## ${name} - ${version} (${license})\n\n${text}`);
    },
  };
}
