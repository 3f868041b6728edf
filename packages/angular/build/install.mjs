// What the build and the tests share: folders, child processes, and npm installations that are made once.

import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package. */
export const here = fileURLToPath(new URL('..', import.meta.url));

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Installs what the lock file in `from` pins into `to`, unless that was done before. */
export async function installed(from, to) {
  const files = ['package.json', 'package-lock.json'];
  const wanted = (await Promise.all(files.map((file) => readFile(join(from, file), 'utf8')))).join('');
  const done = join(to, 'installed.txt');
  if ((await readFile(done, 'utf8').catch(() => '')) === wanted) {
    return;
  }
  await mkdir(to, { recursive: true });
  for (const file of files) {
    await cp(join(from, file), join(to, file));
  }
  console.log(`installing npm packages into ${to}`);
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: to });
  await writeFile(done, wanted);
}

/** Runs a script with this Node. */
export const node = (args, options = {}) => run(process.execPath, args, options);

/** Runs a program to its end, its output being ours; rejects if it fails. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.slice(0, 2).join(' ')} ended with ${code ?? signal}`)),
    );
  });
}
