import type {
  Authorization,
  OneflightError,
  OneflightRequestInit,
  Session,
  SessionEventMap,
  SessionOptions,
  Snapshot,
  Status,
  Tokens as SignInTokens,
} from './api.js';
import * as codes from './codes.js';
import { type Engine, load, makeEngine, refuses } from './engine.js';
import { failure } from './errors.js';
import { intercept, type Tokens } from './fetch.js';
import { Glue, type Listener, type Live, type Say } from './glue.js';
import { check, type Checked, SAVE_DEADLINE } from './options.js';
import { hasPage, isVisible, onWake, watchPage } from './page.js';
import { customStore } from './storage/custom.js';
import { localStore } from './storage/local.js';
import { memoryStore } from './storage/memory.js';
import { sessionStore } from './storage/session.js';
import { newId, type Store } from './storage/store.js';
import { AHEAD, CLOSE, FORGET, FRESH, HINT, NEWER, RELOAD, RETRY_NOW, SIGN_IN, SIGN_OUT, USABLE, VISIBLE } from './told.js';

/** Renewals ahead of time are asked for no more often than this, in milliseconds. */
const ASK_AHEAD_EVERY = 100;
/** The page is looked at again no more often than this, in milliseconds. */
const LOOK_EVERY = 100;
/** In the detail of a sign-out: nothing was revoked, because there was nothing that the engine knows. */
const NOT_OFFERED = 2;
const CAUSES = ['expired', 'refused', 'due', 'opening'] as const;
const UNKEPT = ['tokens', 'sign-in', 'sign-out'] as const;

/** Before anything was read. */
const NOTHING_KNOWN: Snapshot = Object.freeze({
  status: 'unknown',
  signedIn: false,
  reason: undefined,
  expiresAt: undefined,
  generation: 0,
  sharing: 'alone',
});

interface Waiter {
  resolve(done: { live: Live | undefined; code: number; detail: number }): void;
  reject(error: unknown): void;
}

/** The waiter that is none. */
const NOBODY = 0;

class PageSession implements Session, Tokens, Listener {
  readonly #options: Checked;
  readonly #events = new EventTarget();
  readonly #listeners = new Set<() => void>();
  readonly #waiters = new Map<number, Waiter>();
  /** What the application is told as soon as the engine has returned. */
  readonly #told: (() => void)[] = [];
  readonly #undo: (() => void)[] = [];
  #starting: Promise<Engine> | undefined;
  #engine: Engine | undefined;
  #glue: Glue | undefined;
  #store: Store | undefined;
  #live: Live | undefined;
  #lastWaiter = 0;
  #askedAheadAt = 0;
  #lookedAt = 0;
  #closed = false;
  #known: (() => void) | undefined;
  readonly #ready: Promise<void>;
  #rested: (() => void) | undefined;
  #snapshot = NOTHING_KNOWN;

  constructor(options: SessionOptions) {
    this.#options = check(options);
    this.#ready = new Promise((resolve) => {
      this.#known = resolve;
    });
  }

  readonly fetch = (input: RequestInfo | URL, init?: OneflightRequestInit): Promise<Response> =>
    this.#closed ? Promise.reject(closed()) : intercept(this, input, init);

  get origins(): ReadonlySet<string> {
    return this.#options.origins;
  }

  get handsBack(): boolean {
    return this.#options.handsBack;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get status(): Status {
    return this.#snapshot.status;
  }

  // ---- requests

  send(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return this.#options.fetch(input, init);
  }

  current(): Live | undefined {
    const live = this.#live;
    if (!live || this.#closed) return undefined;
    const now = Date.now();
    if (now >= live.usableUntil) return undefined;
    if (now >= live.renewAt && Math.abs(now - this.#askedAheadAt) >= ASK_AHEAD_EVERY) {
      this.#askedAheadAt = now;
      this.#say(AHEAD);
    }
    return live;
  }

  async usable(signal: AbortSignal | undefined): Promise<Live> {
    return this.current() ?? this.#token(USABLE, signal);
  }

  async fresh(signal: AbortSignal | undefined): Promise<Live> {
    try {
      return await this.#token(FRESH, signal);
    } catch {
      signal?.throwIfAborted();
      // While the old token lasts it serves.
      return this.usable(signal);
    }
  }

  newer({ generation, session }: Pick<Live, 'generation' | 'session'>, signal: AbortSignal | undefined): Promise<Live> {
    return this.#token(NEWER, signal, generation, session);
  }

  renewForTheNext({ generation, session }: Live): void {
    this.#say(NEWER, NOBODY, generation, session);
  }

  async token(options: { signal?: AbortSignal } = {}): Promise<string> {
    return (await this.usable(options.signal)).header.slice('Bearer '.length);
  }

  async authorization(options: { signal?: AbortSignal } = {}): Promise<Authorization> {
    const { header, stamp } = await this.usable(options.signal);
    return { header, stamp };
  }

  async newerThan(refused: string, options: { signal?: AbortSignal } = {}): Promise<Authorization> {
    const [generation, session = ''] = refused.split('.');
    const { header, stamp } = await this.newer({ generation: Number(generation), session }, options.signal);
    return { header, stamp };
  }

  allows(url: string | URL): boolean {
    try {
      return this.origins.has(new URL(url, globalThis.location?.href).origin);
    } catch {
      return false;
    }
  }

  isRefusal(status: number, challenges: string | null): boolean {
    return refuses(status, challenges);
  }

  // ---- commands

  async signIn(tokens: SignInTokens): Promise<{ saved: boolean }> {
    if (!tokens || typeof tokens.accessToken !== 'string') throw failure('bad-token', 'signIn: accessToken is missing');
    const { accessToken, refreshToken, expiresIn, scope, idToken } = tokens;
    const lifetime = typeof expiresIn === 'number' && !Number.isNaN(expiresIn) ? Math.max(expiresIn, 0) : -1;
    const done = await this.#ask(SIGN_IN, undefined, lifetime, newId(), accessToken, refreshToken, scope, idToken);
    return { saved: done.code === codes.SIGNED_IN && done.detail === 1 };
  }

  async signOut(): Promise<void> {
    const { detail } = await this.#ask(SIGN_OUT);
    // Renewed by what the browser brings, a cookie: there is no token to revoke, but a server to tell.
    if (detail & NOT_OFFERED && this.#options.endpoint.ambient) await this.#glue?.tell(undefined);
  }

  retryNow(): void {
    this.#say(RETRY_NOW);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const starting = this.#starting;
    if (starting) {
      await starting.then(
        () =>
          new Promise<void>((resolve) => {
            this.#rested = resolve;
            this.#say(CLOSE);
          }),
        () => undefined,
      );
    }
    for (const undo of this.#undo.splice(0)) undo();
    this.#live = undefined;
    this.#known?.();
  }

  // ---- watching

  get ready(): Promise<void> {
    void this.#begin().catch(() => this.#known?.());
    return this.#ready;
  }

  subscribe(listener: () => void): () => void {
    this.#begin().catch(() => undefined);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  addEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: (event: SessionEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.#begin().catch(() => undefined);
    this.#events.addEventListener(type, listener as EventListener, options);
  }

  removeEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: (event: SessionEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void {
    this.#events.removeEventListener(type, listener as EventListener, options);
  }

  // ---- what the engine says

  published(generation: number, code: number, live: Live | undefined): void {
    this.#live = live;
    let { status, reason } = codes.statusOf(code);
    if (status === 'never-signed-in' && this.#store?.copied) {
      status = 'signed-out';
      reason = 'copied';
    }
    const before = this.#snapshot;
    const sharing = this.#store?.sharing ?? 'alone';
    const expiresAt = live?.expiresAt;
    const same = before.status === status && before.reason === reason && before.generation === generation;
    if (same && before.expiresAt === expiresAt && before.sharing === sharing) return;
    const snapshot = Object.freeze({ status, signedIn: status === 'signed-in', reason, expiresAt, generation, sharing });
    this.#snapshot = snapshot;
    this.#tell('change', snapshot);
    this.#told.push(() => {
      for (const listener of [...this.#listeners]) report(listener);
    });
  }

  settled(waiter: number, code: number, detail: number, failed: () => OneflightError): void {
    const waiting = this.#waiters.get(waiter);
    this.#waiters.delete(waiter);
    if (!waiting) return;
    if (code <= codes.ENDED) waiting.resolve({ live: this.#live, code, detail });
    else if (code === codes.NEVER_SIGNED_IN && this.#store?.copied) {
      waiting.reject(failure('signed-out', 'This tab is a copy; the other one keeps the session.', { reason: 'copied' }));
    } else waiting.reject(failed());
  }

  notified(event: number, here: boolean, detail: number, generation: number, waiters: number): void {
    switch (event) {
      case 0:
        return this.#tell('signin', { here });
      case 1:
        return this.#tell('signout', { reason: codes.reasonOf(detail), here });
      case 2:
        return this.#tell('refreshing', { cause: CAUSES[detail] ?? 'opening' });
      case 3:
        return this.#tell('refreshed', { here: true, generation, waiters });
      case 4:
        return this.#tell('refreshed', { here: false, generation, waiters: 0 });
      case 5:
        return this.#tell('storefailed', { what: UNKEPT[detail] ?? 'tokens' });
      default:
        return this.#tell('storerecovered', undefined);
    }
  }

  failed(error: OneflightError): void {
    this.#tell('refreshfailed', { error });
  }

  looked(): void {
    this.#known?.();
  }

  rested(): void {
    this.#rested?.();
  }

  // ---- inside

  #tell<K extends keyof SessionEventMap>(type: K, detail: SessionEventMap[K]['detail']): void {
    this.#told.push(() => void this.#events.dispatchEvent(new CustomEvent(type, { detail })));
  }

  /** Tells the engine, and then the application what came of it: its code may call us again. */
  readonly #say: Say = (what, whom = 0, number = 0, ...words) => {
    const engine = this.#engine;
    if (!engine) return true;
    try {
      for (const word of words) engine.word(word);
      return engine.tell(Date.now(), performance.now(), what, whom, number);
    } finally {
      for (const tell of this.#told.splice(0)) tell();
    }
  };

  #begin(): Promise<Engine> {
    if (this.#closed && !this.#starting) return Promise.reject(closed());
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<Engine> {
    const [store] = await Promise.all([this.#open(), load(this.#options.wasm)]);
    this.#store = store;
    const glue = new Glue(this.#options, store, this, this.#say);
    this.#glue = glue;
    const engine = makeEngine(glue, this.#options);
    this.#engine = engine;
    watchPage();
    const look = () => {
      // Several signs of waking come at once.
      if (Math.abs(Date.now() - this.#lookedAt) < LOOK_EVERY) return;
      this.#lookedAt = Date.now();
      this.#say(RELOAD);
    };
    const seen = (visible: boolean) => this.#say(VISIBLE, 0, Number(visible));
    const heard = (version: number | undefined) => void (version === undefined ? this.#say(RELOAD) : this.#say(HINT, 0, version));
    this.#undo.push(onWake(look, seen), store.subscribe(heard), () => store.close());
    if (!isVisible()) seen(false);
    this.#say(RELOAD);
    return engine;
  }

  async #open(): Promise<Store> {
    const { storage, key, lockDeadline, requestDeadline } = this.#options;
    const deadlines = { lock: lockDeadline, work: requestDeadline + SAVE_DEADLINE };
    if (typeof storage === 'object') return customStore(storage, key, deadlines);
    if (storage === 'local') return localStore(key, deadlines);
    return storage === 'session' ? sessionStore(key) : memoryStore();
  }

  async #token(what: number, signal: AbortSignal | undefined, number?: number, ...words: string[]): Promise<Live> {
    const { live } = await this.#ask(what, signal, number, ...words);
    if (!live) throw failure('not-signed-in', 'Nobody is signed in.');
    return live;
  }

  async #ask(
    what: number,
    signal?: AbortSignal,
    number?: number,
    ...words: (string | undefined)[]
  ): Promise<{ live: Live | undefined; code: number; detail: number }> {
    if (this.#closed) throw closed();
    signal?.throwIfAborted();
    await abortable(this.#begin(), signal);
    if (this.#closed) throw closed();
    const waiter = (this.#lastWaiter = (this.#lastWaiter + 1) % 2 ** 32 || 1);
    const waiting = new Promise<{ live: Live | undefined; code: number; detail: number }>((resolve, reject) => {
      this.#waiters.set(waiter, { resolve, reject });
      if (this.#say(what, waiter, number, ...words)) return;
      this.#waiters.delete(waiter);
      reject(
        what === NEWER
          ? failure('invalid-option', 'newerThan: this is no stamp')
          : failure('bad-token', 'signIn: a token is empty, or holds characters that no header may carry'),
      );
    });
    try {
      return await abortable(waiting, signal);
    } finally {
      if (this.#waiters.delete(waiter)) this.#say(FORGET, waiter);
    }
  }
}

function closed(): OneflightError {
  return failure('closed', 'The session object was closed.');
}

/** A listener that throws harms nobody else, and is heard of as with events. */
function report(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    if (typeof reportError === 'function') reportError(error);
    else queueMicrotask(() => { throw error; });
  }
}

/** Giving up the wait ends nothing else. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** On a server: nothing is known, nothing works, nothing breaks. */
function noPage(): Session {
  const reject = () => Promise.reject(failure('no-browser', 'oneflight works in pages only; this code runs on a server.'));
  return {
    fetch: reject,
    token: reject,
    authorization: reject,
    newerThan: reject,
    allows: () => false,
    isRefusal: () => false,
    signIn: reject,
    signOut: reject,
    retryNow: () => undefined,
    snapshot: NOTHING_KNOWN,
    status: 'unknown',
    subscribe: () => () => undefined,
    ready: Promise.resolve(),
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    close: () => Promise.resolve(),
  };
}

export function createSession(options: SessionOptions): Session {
  return hasPage() ? new PageSession(options) : noPage();
}
