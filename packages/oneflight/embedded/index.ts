/** The other side of `crates/oneflight-web/src/session/page.rs`: a session as Rust wants to be given it. */
import type { FunctionOptions, OneflightRequestInit, RefreshInput, Session, SessionOptions, Snapshot, Tokens } from '../src/api.js';
import { isOneflightError, RefreshRejected } from '../src/errors.js';
import { whyNotReplayed } from '../src/fetch.js';
import { createSession } from '../src/session.js';
import { sharedWorker } from '../src/worker.js';
import { embed, type Module } from './engine.js';

export { whyNotReplayed };

/** A refresh in Rust: nothing stands for a rejection. */
type Refresh = (input: RefreshInput) => Promise<Tokens | undefined>;

type Options = SessionOptions | (Omit<FunctionOptions, 'refresh'> & { refresh: Refresh });

const workers = new WeakMap<Session, ReturnType<typeof sharedWorker>>();

/** `script`: where the shared worker's is, if there is to be one. */
export function open(module: Module, options: Options, script: string | undefined): Session {
  embed(module);
  if (script !== undefined) {
    const worker = sharedWorker({ url: script });
    const session = create({ ...options, worker });
    workers.set(session, worker);
    return session;
  }
  return create(options);
}

/** Where refreshes run, if there was to be a shared worker. */
export function workerState(session: Session): string | undefined {
  return workers.get(session)?.state;
}

function create(options: Options): Session {
  if (!('refresh' in options)) return createSession(options);
  const own = options.refresh;
  const refresh = async (input: RefreshInput): Promise<Tokens> => {
    const tokens = await own(input);
    if (!tokens) throw new RefreshRejected();
    return tokens;
  };
  return createSession({ ...options, refresh });
}

/** `session.fetch`, given up by `signal` too. */
export function send(session: Session, input: Request | string, signal: AbortSignal, noReplay: boolean): Promise<Response> {
  const init: OneflightRequestInit = { signal };
  if (noReplay) init.oneflight = { noReplay };
  if (typeof input === 'string') return session.fetch(input, init);
  const own = input.signal;
  if (own.aborted) return session.fetch(input);
  // The request's own signal would be replaced.
  const both = new AbortController();
  init.signal = both.signal;
  const forward = (from: AbortSignal) => () => both.abort(from.reason);
  own.addEventListener('abort', forward(own), { once: true });
  signal.addEventListener('abort', forward(signal), { once: true });
  return session.fetch(input, init);
}

/** Calls `changed` with each new snapshot. */
export function watch(session: Session, changed: (snapshot: Snapshot) => void): () => void {
  return session.subscribe(() => changed(session.snapshot));
}

const EVENTS = ['signin', 'signout', 'refreshing', 'refreshed', 'refreshfailed', 'storefailed', 'storerecovered'] as const;

/** Calls `heard` with the name and the detail of each event. */
export function listen(session: Session, heard: (name: string, detail: object) => void): () => void {
  const listener = (event: CustomEvent) => heard(event.type, (event.detail as object | undefined) ?? {});
  for (const name of EVENTS) session.addEventListener(name, listener);
  return () => {
    for (const name of EVENTS) session.removeEventListener(name, listener);
  };
}

/** Whether it has a code that Rust knows; else `fetch` itself rejected with it. */
export function isOurs(error: unknown): boolean {
  return isOneflightError(error);
}
