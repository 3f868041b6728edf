/** Carries out what the engine asks for. Every effect begins after the engine's call has returned, and is answered once. */
import type { OneflightError } from './api.js';
import { errorOf } from './codes.js';
import type { Engine } from './engine.js';
import type { Hold } from './lock.js';
import { type Checked, SAVE_DEADLINE } from './options.js';
import { watchDeparture } from './page.js';
import type { Store } from './storage/store.js';
import { LEASE, LOCKED, LOST, REVOKED, TIMEOUT } from './told.js';

/** The longest that timers of browsers take, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Where an `error` that is an object keeps its code. */
const ERROR_OBJECT_MEMBERS = ['code', 'error', 'type', 'message'];
const NOT_CONNECTED = 0;
const NOT_IN_TIME = 1;
const UNKNOWN = 2;
const DONE = 0;
const NOT_OFFERED = 1;
const FAILED = 2;

/** A token as requests need it. */
export interface Live {
  header: string;
  stamp: string;
  session: string;
  generation: number;
  /** Milliseconds since 1970. */
  usableUntil: number;
  renewAt: number;
  expiresAt: number | undefined;
}

/** What the session makes of what the engine says. */
export interface Listener {
  published(generation: number, status: number, live: Live | undefined): void;
  settled(waiter: number, code: number, detail: number, failed: () => OneflightError): void;
  notified(event: number, here: boolean, detail: number, number: number, waiters: number): void;
  failed(error: OneflightError): void;
  looked(): void;
  rested(unsaved: boolean): void;
}

type Call = (engine: Engine, wall: number, mono: number) => void;

export class Glue {
  #hold: Hold | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #trouble: number | undefined;
  #cause: unknown;

  constructor(
    private readonly options: Checked,
    private readonly store: Store,
    private readonly listener: Listener,
    private readonly call: (what: Call) => void,
    private readonly say: (what: number, whom?: number, number?: number) => void,
  ) {}

  lock(slot: number): void {
    const hold = this.store.locker((left) => {
      if (this.#hold === hold) this.say(LEASE, 0, left);
    });
    this.#hold = hold;
    void hold.taken.then((lease) => this.say(LOCKED, slot, lease));
  }

  unlock(): void {
    this.#hold?.release();
    this.#hold = undefined;
  }

  load(slot: number): void {
    void this.#bounded(() => this.store.load()).then(
      (stored) => this.call((engine, wall, mono) => engine.loaded(wall, mono, slot, false, stored?.version, stored?.record)),
      (error: unknown) => {
        this.#cause = error;
        this.call((engine, wall, mono) => engine.loaded(wall, mono, slot, true));
      },
    ).then(() => this.listener.looked());
  }

  save(slot: number, expected: string | undefined, record: string): void {
    void this.#bounded(() => this.store.swap(expected ?? null, record)).then(
      (tag) => {
        if (tag !== null) this.options.worker?.kept();
        this.call((engine, wall, mono) => engine.saved(wall, mono, slot, false, tag ?? undefined));
      },
      (error: unknown) => {
        this.#cause = error;
        this.call((engine, wall, mono) => engine.saved(wall, mono, slot, true));
      },
    );
  }

  refresh(slot: number, refreshToken: string | undefined): void {
    void this.#exchange(slot, refreshToken);
  }

  async #exchange(slot: number, refreshToken: string | undefined): Promise<void> {
    const offline = typeof navigator !== 'undefined' && navigator.onLine === false;
    const { fetch, worker, endpoint, requestDeadline } = this.options;
    const departure = watchDeparture();
    try {
      const reply = await within(requestDeadline, (signal) => endpoint.refresh(worker?.fetch ?? fetch, { refreshToken, signal }));
      this.call((engine, wall, mono) => {
        reply.members.forEach((member, index) => engine.member(index, ...partsOf(member)));
        engine.replied(wall, mono, slot, reply.status, reply.body, reply.retryAfter);
      });
    } catch (error) {
      this.#cause = error;
      const loss = error instanceof TimedOut ? NOT_IN_TIME : offline ? NOT_CONNECTED : UNKNOWN;
      await departure.staying();
      this.say(LOST, slot, loss);
    } finally {
      departure.over();
    }
  }

  revoke(slot: number, refreshToken: string): void {
    void this.tell(refreshToken).then((how) => this.say(REVOKED, slot, how));
  }

  /** Tells the server of a sign-out. */
  async tell(refreshToken: string | undefined): Promise<number> {
    const { fetch, endpoint, requestDeadline } = this.options;
    const revoke = endpoint.revoke;
    if (!revoke) return NOT_OFFERED;
    try {
      return (await within(requestDeadline, (signal) => revoke(fetch, { refreshToken, signal }))) ? DONE : FAILED;
    } catch {
      return FAILED;
    }
  }

  announce(version: number): void {
    try {
      this.store.announce(version);
    } catch {
      // A hint: the others see it when they look.
    }
  }

  timer(wait: number): void {
    clearTimeout(this.#timer);
    if (wait < 0) return;
    this.#timer = setTimeout(() => this.say(TIMEOUT), Math.min(wait, LONGEST_TIMER));
  }

  settle(waiter: number, code: number, detail: number, retryAfter: number, text: string | undefined): void {
    this.listener.settled(waiter, code, detail, () => this.#error(code, detail, retryAfter, text));
  }

  publish(
    generation: number,
    status: number,
    session: string | undefined,
    header: string | undefined,
    usableUntil: number,
    renewAt: number,
    expiresAt: number,
  ): void {
    const live: Live | undefined =
      session === undefined || header === undefined
        ? undefined
        : {
            header,
            session,
            generation,
            stamp: `${generation}.${session}`,
            usableUntil: usableUntil < 0 ? Infinity : usableUntil,
            renewAt: renewAt < 0 ? Infinity : renewAt,
            expiresAt: expiresAt < 0 ? undefined : expiresAt,
          };
    this.listener.published(generation, status, live);
  }

  notify(event: number, here: boolean, detail: number, number: number, waiters: number): void {
    this.listener.notified(event, here, detail, number, waiters);
  }

  failed(code: number, detail: number, retryAfter: number, text: string | undefined): void {
    this.listener.failed(this.#error(code, detail, retryAfter, text));
  }

  trouble(what: number): void {
    this.#trouble = what;
  }

  rest(unsaved: boolean): void {
    this.listener.rested(unsaved);
  }

  #error(code: number, detail: number, retryAfter: number, text: string | undefined): OneflightError {
    return errorOf(code, detail, retryAfter, text, this.#trouble, this.#cause);
  }

  /** A deadline for what the store does; it begins when the engine has returned. */
  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    return within(SAVE_DEADLINE, work);
  }
}

class TimedOut extends Error {}

async function within<T>(millis: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  await undefined;
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TimedOut('The deadline has passed.'));
      abort.abort();
    }, millis);
    Promise.resolve()
      .then(() => work(abort.signal))
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** A JSON value as the engine takes it: its kind, its text, its number. */
function partsOf(value: unknown): [number, string | undefined, number] {
  switch (typeof value) {
    case 'string':
      return [1, value, 0];
    case 'number':
      return [2, undefined, value];
    case 'boolean':
      return [3, undefined, value ? 1 : 0];
    case 'object': {
      if (value === null) return [0, undefined, 0];
      if (Array.isArray(value)) return [5, undefined, 0];
      const members = value as Record<string, unknown>;
      const code = ERROR_OBJECT_MEMBERS.map((name) => members[name]).find((member) => typeof member === 'string');
      return [4, code as string | undefined, 0];
    }
    default:
      return [0, undefined, 0];
  }
}
