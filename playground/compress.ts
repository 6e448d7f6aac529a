import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Files to compress. WOFF2 fonts are compressed already. */
const TEXT_FILES = /\.(?:html|js|css|svg|md|json|ttf)$/;

/** A smaller file, in bytes, is not worth the cost of decoding. */
const MIN_SIZE = 1_024;

/**
 * Writes a Brotli and a gzip copy of each text file of the build, so that the server does not have
 * to compress.
 */
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
      await Promise.all(names.filter((name) => TEXT_FILES.test(name)).map((name) => compressFile(join(folder, name))));
    },
  };
}

async function compressFile(path: string) {
  const whole = await readFile(path);
  if (whole.length < MIN_SIZE) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length };
  await writeFile(`${path}.br`, brotliCompressSync(whole, { params }));
  await writeFile(`${path}.gz`, gzipSync(whole, { level: 9 }));
}
