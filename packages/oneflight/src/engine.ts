/** Loads the WASM, once for all sessions of a page. */
import init, { Engine, is_refusal as isRefusal, Settings } from './wasm.js';
import { failure } from './errors.js';
import type { Checked } from './options.js';
import { SAVE_DEADLINE } from './options.js';

export type { Engine };

let loaded: Promise<void> | undefined;
let ready = false;

export async function load(wasm: unknown): Promise<void> {
  loaded ??= start(wasm).catch((error: unknown) => {
    // The next request tries again: perhaps the network was away.
    loaded = undefined;
    throw error;
  });
  return loaded;
}

async function start(wasm: unknown): Promise<void> {
  try {
    await init({ module_or_path: (await wasm) ?? new URL('./oneflight.wasm', import.meta.url) });
    ready = true;
  } catch (cause) {
    const text = String(cause);
    if (cause instanceof WebAssembly.CompileError && /content security policy|unsafe-eval|csp/i.test(text)) {
      throw failure(
        'wasm-blocked',
        "This page's Content-Security-Policy blocks WebAssembly. Add 'wasm-unsafe-eval' to its script-src.",
        { cause },
      );
    }
    throw failure(
      cause instanceof WebAssembly.CompileError ? 'wasm-blocked' : 'transient',
      `oneflight.wasm could not be loaded. Serve it beside oneflight's JavaScript, or say where it is by the option wasm; a Content-Security-Policy must allow it in connect-src. (${text})`,
      { cause },
    );
  }
}

export function makeEngine(glue: object, options: Checked): Engine {
  const { endpoint, renew, renewAt, requestDeadline } = options;
  const settings = new Settings(endpoint.ambient, renew, renewAt, requestDeadline, SAVE_DEADLINE);
  if (options.spare) settings.spare();
  for (const status of endpoint.dead) settings.dead(status);
  const engine = new Engine(glue, settings, crypto.getRandomValues(new Uint8Array(32)));
  settings.free();
  return engine;
}

/** Whether a renewal may heal this answer. Before the WASM is there, no token was sent, so nothing of ours was refused. */
export function refuses(status: number, challenges: string | null): boolean {
  return status === 401 && ready && isRefusal(status, challenges ?? undefined);
}
