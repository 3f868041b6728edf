/**
 * The engine of a page whose application is WASM itself: it lies in the application's own module, which hands it over.
 * Takes the place of `src/engine.ts`, which downloads one.
 */
import type { Engine } from '../src/engine.js';
import type { Checked } from '../src/options.js';
import { SAVE_DEADLINE } from '../src/options.js';
import { newId } from '../src/storage/store.js';
import { DEAD_STATUS } from '../src/told.js';
import type { Engine as Made } from '../src/wasm.js';

/** What `crates/oneflight-web/src/shell/embedded.rs` exports. */
export interface Module {
  engine(...of: ConstructorParameters<typeof Made>): Engine;
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
  const { endpoint, renew, renewAt, requestDeadline, spare } = options;
  const engine = embedded().engine(glue, newId() + newId(), endpoint.ambient, renew, renewAt, requestDeadline, SAVE_DEADLINE, !spare);
  for (const status of endpoint.dead) engine.tell(0, 0, DEAD_STATUS, 0, status);
  return engine;
}

export function refuses(status: number, challenges: string | null): boolean {
  return status === 401 && embedded().is_refusal(status, challenges ?? undefined);
}
