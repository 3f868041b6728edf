// The packages as those who install them get them: node packages.test.mjs, after `cargo xtask npm`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const packed = join(root, 'target/npm');
const project = join(packed, 'consumer');

/** Runs a program in the project; what it printed is the reason if it fails. */
async function run(program, ...args) {
  try {
    return await promisify(execFile)(program, args, { cwd: project, maxBuffer: 2 ** 26 });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}\n${error.stdout}${error.stderr}`);
  }
}
const tool = (path, ...args) => run(process.execPath, join('node_modules', path), ...args);

/** The TypeScript of the README, each block a module. */
async function readme() {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
}

before(async () => {
  const from = join(root, 'tests/npm/consumer');
  const lock = await readFile(join(from, 'package-lock.json'), 'utf8');
  const installed = await readFile(join(project, 'installed.json'), 'utf8').catch(() => '');
  await mkdir(project, { recursive: true });
  await rm(join(project, 'src'), { recursive: true, force: true });
  await cp(from, project, { recursive: true });
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (installed !== lock) await run('npm', 'ci', ...quiet);
  const files = await readdir(packed);
  const tarballs = [/^oneflight-\d.*\.tgz$/, /^oneflight-angular-\d.*\.tgz$/].map((name) => {
    const file = files.find((file) => name.test(file));
    assert.ok(file, `target/npm/ holds no tarball like ${name}: cargo xtask npm`);
    return join(packed, file);
  });
  // As they are now, whatever lay there under the same version.
  for (const name of ['oneflight', '@oneflight']) await rm(join(project, 'node_modules', name), { recursive: true, force: true });
  await run('npm', 'install', '--no-save', '--prefer-offline', ...quiet, ...tarballs);
  for (const [number, code] of (await readme()).entries()) await writeFile(join(project, `src/readme${number}.ts`), code);
  await writeFile(join(project, 'installed.json'), lock);
});

test('types_hold_where_bundlers_resolve_and_the_readme_compiles', async () => {
  assert.ok((await readme()).length >= 2);
  await tool('typescript/bin/tsc', '--project', 'tsconfig.bundler.json');
});

test('types_hold_where_node_resolves', async () => {
  // There, paths of one's own end in .js; the README writes for bundlers.
  for (const file of await readdir(join(project, 'src'))) {
    const path = join(project, 'src', file);
    const code = await readFile(path, 'utf8');
    await writeFile(path, code.replaceAll("'./app'", "'./app.js'"));
  }
  await tool('typescript/bin/tsc', '--project', 'tsconfig.nodenext.json');
});

test('vite_builds_a_page_and_ships_the_wasm_and_the_worker', async () => {
  await tool('vite/bin/vite.js', 'build', '--logLevel', 'warn');
  const assets = await readdir(join(project, 'dist/assets'));
  const wasm = assets.find((name) => name.endsWith('.wasm'));
  assert.ok(wasm, assets.join(' '));
  const whole = await readFile(join(project, 'node_modules/oneflight/dist/oneflight.wasm'));
  assert.ok(whole.equals(await readFile(join(project, 'dist/assets', wasm))));
  const scripts = await Promise.all(
    assets.filter((name) => name.endsWith('.js')).map((name) => readFile(join(project, 'dist/assets', name), 'utf8')),
  );
  assert.ok(scripts.some((script) => script.includes(wasm)), 'no script names the module');
  const worker = assets.find((name) => /^shared-worker-.*\.js$/.test(name));
  assert.ok(worker && scripts.some((script) => script.includes(worker)), `no script names the worker: ${assets.join(' ')}`);
});

test('esbuild_bundles_it_and_drops_it_where_it_is_not_used', async () => {
  const { build } = await import(join(project, 'node_modules/esbuild/lib/main.js'));
  const bundled = async (contents) => {
    const built = await build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      format: 'esm',
      minify: true,
      write: false,
    });
    return built.outputFiles[0].text;
  };
  assert.match(await bundled("import { createSession } from 'oneflight'; createSession({});"), /oneflight\.wasm/);
  assert.equal((await bundled("import { createSession } from 'oneflight'; console.log(1);")).trim(), 'console.log(1);');
});

test('importing_it_on_a_server_does_nothing_and_breaks_nothing', async () => {
  const code = `
    const { createSession } = await import('oneflight');
    const session = createSession({ refreshUrl: '/refresh', origins: ['self'] });
    await session.ready;
    const code = await session.fetch('/x').catch((error) => error.code);
    console.log(session.status, code);`;
  const { stdout } = await run(process.execPath, '--input-type=module', '--eval', code);
  assert.equal(stdout.trim(), 'unknown no-browser');
  // What is compiled in part is finished by the compiler at run time, where no build did it.
  const angular = "await import('@angular/compiler'); console.log(typeof (await import('@oneflight/angular')).provideOneflight);";
  assert.equal((await run(process.execPath, '--input-type=module', '--eval', angular)).stdout.trim(), 'function');
});

test('the_packages_hold_what_they_should_and_nothing_else', async () => {
  for (const name of ['oneflight', '@oneflight/angular']) {
    const folder = join(project, 'node_modules', name);
    assert.deepEqual((await readdir(folder)).sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'dist', 'package.json']);
    const files = await readdir(join(folder, 'dist'), { recursive: true });
    const strange = files.filter((file) => !/(\.js|\.d\.ts|\.wasm|^storage)$/.test(file));
    assert.deepEqual(strange, []);
  }
});
