/**
 * The engine of a page whose application is WASM itself: it lies in the application's own module, which hands it over.
 * Takes the place of `src/engine.ts`, which downloads one.
 */
import type { Engine } from '../src/engine.js';
import type { Checked } from '../src/options.js';
import { SAVE_DEADLINE } from '../src/options.js';
import type { Settings } from '../src/wasm.js';

/** What `crates/oneflight-web/src/shell/embedded.rs` exports. */
export interface Module {
  settings(...of: ConstructorParameters<typeof Settings>): Settings;
  engine(glue: object, settings: Settings, seed: Uint8Array): Engine;
  is_refusal(status: number, challenges?: string): boolean;
}

let module: Module | undefined;

export function embed(given: Module): void {
  module = given;
}

function embedded(): Module {
  if (!module) throw new Error('The module did not hand itself over.');
  return module;
}

export async function load(): Promise<void> {
  // It runs already: it called us.
}

export function makeEngine(glue: object, options: Checked): Engine {
  const { endpoint, renew, renewAt, requestDeadline } = options;
  const settings = embedded().settings(endpoint.ambient, renew, renewAt, requestDeadline, SAVE_DEADLINE);
  if (options.spare) settings.spare();
  for (const status of endpoint.dead) settings.dead(status);
  const engine = embedded().engine(glue, settings, crypto.getRandomValues(new Uint8Array(32)));
  settings.free();
  return engine;
}

export function refuses(status: number, challenges: string | null): boolean {
  return status === 401 && embedded().is_refusal(status, challenges ?? undefined);
}
