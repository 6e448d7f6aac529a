import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** What is worth compressing. Fonts are compressed already. */
const texts = /\.(?:html|js|css|svg|md|json|ttf)$/;

/** Below this many bytes the coding costs more than it saves. */
const least = 1_024;

/** Writes each text of the build once more as Brotli and as gzip, so that the server compresses nothing. */
export function compress(): Plugin {
  let folder = '';
  return {
    name: 'compress',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const names = await readdir(folder, { recursive: true });
      await Promise.all(names.filter((name) => texts.test(name)).map((name) => compressFile(join(folder, name))));
    },
  };
}

async function compressFile(path: string) {
  const whole = await readFile(path);
  if (whole.length < least) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length };
  await writeFile(`${path}.br`, brotliCompressSync(whole, { params }));
  await writeFile(`${path}.gz`, gzipSync(whole, { level: 9 }));
}
