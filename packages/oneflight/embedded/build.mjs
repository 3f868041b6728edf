// Writes the glue of Rust front ends as one module: node build.mjs FILE
//
// Not minified: it lies in the repository and in the crate, where people read it; whoever builds a page minifies that.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

/** `src/engine.ts` downloads a module of its own; the one of the application is used instead. */
const embedded = {
  name: 'embedded',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\/engine\.js$/ }, () => ({ path: join(here, 'engine.ts') })),
};

await build({
  entryPoints: [join(here, 'index.ts')],
  outfile: process.argv[2],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '// Made from packages/oneflight by `cargo xtask npm`: do not edit. It is what `Session` of this crate runs in pages.' },
  plugins: [embedded],
});
