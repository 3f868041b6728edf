// Prints the weight of each part of packages/oneflight as JSON: `node size.mjs FOLDER NAME_OF_THE_BUNDLE`.
// gzip -9 of what esbuild minifies, as a page downloads it.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const folder = resolve(process.argv[2]);
const bundleName = process.argv[3];
const esbuild = createRequire(join(folder, 'package.json'))('esbuild');
const dist = join(folder, 'dist');

const row = (name, bytes) => ({ name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length });
const minify = { minify: true, format: 'esm', target: 'es2022', legalComments: 'none' };

const rows = [row('oneflight.wasm', readFileSync(join(dist, 'oneflight.wasm')))];
const modules = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.js')).sort();
for (const name of modules) {
  const { code } = esbuild.transformSync(readFileSync(join(dist, name), 'utf8'), minify);
  rows.push(row(name, Buffer.from(code)));
}
const built = esbuild.buildSync({
  ...minify,
  entryPoints: [join(dist, 'index.js')],
  bundle: true,
  write: false,
});
rows.push(row(bundleName, Buffer.from(built.outputFiles[0].contents)));
console.log(JSON.stringify(rows));
