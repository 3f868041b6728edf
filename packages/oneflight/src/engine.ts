/** Loads the WASM, once for all sessions of a page. */
import * as bindings from './wasm.js';
import { failure } from './errors.js';
import type { Checked } from './options.js';
import { SAVE_DEADLINE } from './options.js';
import { newId } from './storage/store.js';
import { DEAD_STATUS } from './told.js';

export type Engine = bindings.Engine;

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
    const { exports } = await instantiate((await wasm) ?? new URL('./oneflight.wasm', import.meta.url));
    bindings.__wbg_set_wasm(exports);
    bindings.__wbg_start();
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

/** From where it is, what was fetched, its bytes, or what was compiled. */
async function instantiate(wasm: unknown): Promise<WebAssembly.Instance> {
  // The short name that wasm-opt gives to the one module of imports.
  const imports = { a: bindings as unknown as WebAssembly.ModuleImports };
  const isPlace = typeof wasm === 'string' || wasm instanceof URL || wasm instanceof Request;
  let source = isPlace ? await fetch(wasm) : wasm;
  if (source instanceof Response) {
    if (!source.ok) throw new Error(`${source.status} for ${source.url}`);
    // Servers that do not know the type are many; only then the whole is read before it is compiled.
    if (/^application\/wasm\b/.test(source.headers.get('content-type') ?? '')) {
      return (await WebAssembly.instantiateStreaming(source, imports)).instance;
    }
    source = await source.arrayBuffer();
  }
  const made: unknown = await WebAssembly.instantiate(source as BufferSource, imports);
  return made instanceof WebAssembly.Instance ? made : (made as WebAssembly.WebAssemblyInstantiatedSource).instance;
}

export function makeEngine(glue: object, options: Checked): Engine {
  const { endpoint, renew, renewAt, requestDeadline, spare } = options;
  const engine = new bindings.Engine(glue, newId() + newId(), endpoint.ambient, renew, renewAt, requestDeadline, SAVE_DEADLINE, !spare);
  for (const status of endpoint.dead) engine.tell(0, 0, DEAD_STATUS, 0, status);
  return engine;
}

/** Whether a renewal may heal this answer. Before the WASM is there, no token was sent, so nothing of ours was refused. */
export function refuses(status: number, challenges: string | null): boolean {
  return status === 401 && ready && bindings.is_refusal(status, challenges ?? undefined);
}
