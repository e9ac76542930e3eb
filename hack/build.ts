/** Bundles src/main.ts and what it imports into one file: what the image holds, and less memory than the packages take. */
import { chmod } from 'node:fs/promises';
import { build } from 'esbuild';

const outfile = 'dist/clusterfirewall.js';

await build({
  entryPoints: ['src/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // CommonJS packages inside an ES module still ask for these.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'info',
});
await chmod(outfile, 0o755);
