// Compiles the package with the oldest Angular it supports, in partial mode, into target/npm/angular: what `npm pack`
// is to pack. The tool chain lives in target/angular/build, installed once per lock file.

import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { here, installed, node, root } from './build/install.mjs';

/** Builds, and says where the package is. */
export async function build() {
  const tools = join(root, 'target/angular/build');
  const out = join(root, 'target/npm/angular');
  await installed(join(here, 'build'), tools);
  await neighbourTypes(tools);
  await rm(out, { recursive: true, force: true });
  await node([join(tools, 'node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js'), '-p', join(here, 'tsconfig.json')]);
  for (const file of ['package.json', 'README.md']) {
    await cp(join(here, file), join(out, file));
  }
  return out;
}

/**
 * The types of the package `oneflight`, from its source: this package is built against what the other one promises, and
 * needs no WASM for it.
 */
async function neighbourTypes(tools) {
  const types = join(tools, 'types');
  await rm(types, { recursive: true, force: true });
  await node([
    join(tools, 'node_modules/typescript/bin/tsc'),
    ...['--declaration', '--emitDeclarationOnly', '--strict', '--target', 'ES2022', '--lib', 'ES2022,DOM,DOM.Iterable'],
    ...['--outDir', types, join(root, 'packages/oneflight/src/api.ts')],
  ]);
  await writeFile(
    join(types, 'index.d.ts'),
    "import type { CreateSession } from './api.js';\nexport * from './api.js';\nexport declare const createSession: CreateSession;\n",
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await build());
}
