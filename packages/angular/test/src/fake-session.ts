/** A session that keeps the contract, with renewals that end when the test says so. */
import type { Authorization, OneflightError, Session, SessionEventMap, Snapshot, Status } from 'oneflight';

export function oneflightError(code: OneflightError['code'], action: OneflightError['action']): OneflightError {
  return Object.assign(new Error(code), {
    name: 'OneflightError' as const,
    code,
    action,
    reason: undefined,
    retryAfter: action === 'retry-later' ? 1_000 : undefined,
    response: undefined,
  });
}

export class FakeSession implements Session {
  generation = 1;
  /** Refreshes that began. */
  posts = 0;
  closed = false;
  /** The signals of those who wait. */
  readonly waits: AbortSignal[] = [];
  readonly #target = new EventTarget();
  readonly #listeners = new Set<() => void>();
  #flight: { ended: Promise<void>; end: (error?: OneflightError) => void } | undefined;
  #status: Status;
  #makeReady!: () => void;
  readonly ready: Promise<void>;
  snapshot: Snapshot;

  constructor(status: Status = 'signed-in', opened = true) {
    this.ready = new Promise((resolve) => (this.#makeReady = resolve));
    this.#status = opened ? status : 'unknown';
    this.snapshot = this.#look();
    if (opened) {
      this.#makeReady();
    }
  }

  get status() {
    return this.#status;
  }

  open(status: Status) {
    this.become(status);
    this.#makeReady();
  }

  become(status: Status) {
    this.#status = status;
    this.snapshot = this.#look();
    this.#listeners.forEach((listener) => listener());
  }

  /** Ends the refresh under way. */
  renewed() {
    this.generation += 1;
    this.#settle();
  }

  failed(error: OneflightError) {
    this.#settle(error);
  }

  emit<K extends keyof SessionEventMap>(type: K, detail: SessionEventMap[K]['detail']) {
    const event = Object.assign(new Event(String(type)), { detail });
    this.#target.dispatchEvent(event);
  }

  fetch = () => Promise.reject(new Error('not in this fake'));
  token = async () => `token-${this.generation}`;

  async authorization(options: { signal?: AbortSignal } = {}): Promise<Authorization> {
    if (options.signal) {
      this.waits.push(options.signal);
    }
    if (this.#status !== 'signed-in') {
      throw oneflightError('not-signed-in', 'sign-in');
    }
    return this.#current();
  }

  async newerThan(stamp: string, options: { signal?: AbortSignal } = {}): Promise<Authorization> {
    if (Number(stamp) < this.generation) {
      return this.#current();
    }
    this.#flight ??= this.#start();
    const { ended } = this.#flight;
    const signal = options.signal;
    await (signal ? Promise.race([ended, aborted(signal)]) : ended);
    return this.#current();
  }

  allows(url: string | URL) {
    return new URL(url).origin === 'https://app.example';
  }

  isRefusal(status: number, wwwAuthenticate: string | null) {
    return status === 401 && !wwwAuthenticate?.includes('insufficient_scope');
  }

  async signIn() {
    this.become('signed-in');
    return { saved: true };
  }

  async signOut() {
    this.become('signed-out');
  }

  retryNow() {}

  subscribe(listener: () => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get subscribers() {
    return this.#listeners.size;
  }

  addEventListener(type: string, listener: (event: never) => void) {
    this.#target.addEventListener(type, listener as unknown as EventListener);
  }

  removeEventListener(type: string, listener: (event: never) => void) {
    this.#target.removeEventListener(type, listener as unknown as EventListener);
  }

  async close() {
    this.closed = true;
  }

  #look(): Snapshot {
    const status = this.#status;
    return {
      status,
      signedIn: status === 'signed-in',
      reason: status === 'signed-out' ? 'sign-out' : undefined,
      expiresAt: undefined,
      generation: this.generation,
      sharing: 'alone',
    };
  }

  #current(): Authorization {
    return { header: `Bearer token-${this.generation}`, stamp: String(this.generation) };
  }

  #start() {
    this.posts += 1;
    let end!: (error?: OneflightError) => void;
    const ended = new Promise<void>((resolve, reject) => (end = (error) => (error ? reject(error) : resolve())));
    ended.catch(() => undefined);
    return { ended, end };
  }

  #settle(error?: OneflightError) {
    this.#flight?.end(error);
    this.#flight = undefined;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
