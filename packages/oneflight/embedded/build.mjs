// Writes the glue of Rust front ends as one module, and the script of the shared worker: node build.mjs FOLDER
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

const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
};
const banner = (what) => ({ js: `// Made from packages/oneflight by \`cargo xtask npm\`: do not edit. ${what}` });

await build({
  ...common,
  entryPoints: [join(here, 'index.ts')],
  outfile: join(process.argv[2], 'glue.js'),
  banner: banner('It is what `Session` of this crate runs in pages.'),
  // Nothing lies beside a snippet: a bundler that looks for it must not be sent there.
  define: { 'import.meta.url': 'location.href' },
  plugins: [embedded],
});
await build({
  ...common,
  entryPoints: [join(here, '../src/shared-worker.ts')],
  outfile: join(process.argv[2], 'shared-worker.js'),
  banner: banner('It is what `Builder::shared_worker` wants the address of.'),
});
