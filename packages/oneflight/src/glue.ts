/** Carries out what the engine asks for. Every effect begins after the engine's call has returned, and is answered once. */
import type { OneflightError } from './api.js';
import { errorOf } from './codes.js';
import type { Hold } from './lock.js';
import { type Checked, SAVE_DEADLINE } from './options.js';
import { watchDeparture } from './page.js';
import type { Store } from './storage/store.js';
import {
  ARRAY,
  BODY,
  FLAG,
  LEASE,
  LOADED,
  LOCKED,
  LOST,
  NUMBER,
  OBJECT,
  REPLIED,
  RETRY_AFTER,
  REVOKED,
  SAVED,
  TEXT,
  TIMEOUT,
} from './told.js';

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

/** Tells the engine what happened, with the words for it; false if these made no sense. */
export type Say = (what: number, whom?: number, number?: number, ...words: (string | undefined)[]) => boolean;

export class Glue {
  #hold: Hold | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #trouble: number | undefined;
  #cause: unknown;

  constructor(
    private readonly options: Checked,
    private readonly store: Store,
    private readonly listener: Listener,
    private readonly say: Say,
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
      (stored) => this.say(LOADED, slot, 0, stored?.version, stored?.record),
      (error: unknown) => {
        this.#cause = error;
        this.say(LOADED, slot, 1);
      },
    ).then(() => this.listener.looked());
  }

  save(slot: number, expected: string | undefined, record: string): void {
    void this.#bounded(() => this.store.swap(expected ?? null, record)).then(
      (tag) => {
        if (tag !== null) this.options.worker?.kept();
        this.say(SAVED, slot, 0, tag ?? undefined);
      },
      (error: unknown) => {
        this.#cause = error;
        this.say(SAVED, slot, 1);
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
      reply.members.forEach((member, index) => this.#member(index, member));
      this.say(BODY, reply.body);
      if (reply.retryAfter !== undefined) this.say(RETRY_AFTER, 0, reply.retryAfter);
      this.say(REPLIED, slot, reply.status);
    } catch (error) {
      this.#cause = error;
      const loss = error instanceof TimedOut ? NOT_IN_TIME : offline ? NOT_CONNECTED : UNKNOWN;
      await departure.staying();
      this.say(LOST, slot, loss);
    } finally {
      departure.over();
    }
  }

  /** A JSON value as the engine takes it. */
  #member(index: number, value: unknown): void {
    if (typeof value === 'string') this.say(TEXT, index, 0, value);
    else if (typeof value === 'number') this.say(NUMBER, index, value);
    else if (typeof value === 'boolean') this.say(FLAG, index, Number(value));
    else if (Array.isArray(value)) this.say(ARRAY, index);
    else if (value && typeof value === 'object') {
      const members = value as Record<string, unknown>;
      const code = ERROR_OBJECT_MEMBERS.map((name) => members[name]).find((member) => typeof member === 'string');
      this.say(OBJECT, index, 0, code as string | undefined);
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
