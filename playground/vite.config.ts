import { defineConfig } from 'vite';
import { compress } from './compress.ts';
import { fontLicense } from './font-license.ts';

const licenses = 'licenses.md';
const sessiond = 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [fontLicense(licenses), compress()],
  worker: { format: 'es' },
  build: {
    license: { fileName: licenses },
    chunkSizeWarningLimit: 4000, // The editor (Monaco) is one chunk. It is loaded when its page is opened.
    rolldownOptions: {
      checks: { moduleLevelDirective: false }, // Without server rendering, `use client` has no effect.
      output: { keepNames: true }, // GraphiQL derives the titles of its icons from function names.
    },
  },
  server: {
    // npm links the client library, and Vite serves only files below the folders of this list.
    fs: { allow: ['.', '../clients/typescript/dist'] },
    proxy: {
      '/graphql': { target: sessiond, ws: true },
      '/settings.json': sessiond,
      '/schema.graphql': sessiond,
    },
  },
});
