/** The lock that all who share a grant take for a refresh and its saving, and for nothing else. */
import { LEASES, transact } from './storage/database.js';
import { newId } from './storage/store.js';

/** The lock is ours, and dies with the page. */
const HELD = 0;
const TIMED_OUT = -1;
const FAILED = -2;

/** Milliseconds. */
export interface Deadlines {
  lock: number;
  /** Longest that an honest holder keeps the lock for: the request's deadline and the save's. */
  work: number;
}

/** One taking of the lock. */
export interface Hold {
  /** The length of the lease, in milliseconds, or one of the numbers above. Never rejects. */
  readonly taken: Promise<number>;
  /** Gives it back, or gives up waiting. */
  release(): void;
}

/** `left`: how long the lease still lasts, each time that changes; 0: the lock was taken from us. */
export type Locker = (left: (millis: number) => void) => Hold;

export const noLock: Locker = () => ({ taken: Promise.resolve(HELD), release: () => undefined });

const queues = new Map<string, Promise<void>>();

/** Between the sessions of one page. */
export function pageLock(name: string): Locker {
  return () => {
    const { released, release } = gate();
    const before = queues.get(name) ?? Promise.resolve();
    queues.set(name, before.then(() => released));
    return { taken: before.then(() => HELD), release };
  };
}

function gate(): { released: Promise<void>; release: () => void } {
  let release = () => undefined as void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { released, release };
}

/** Whether Web Locks work here. They may be there and refuse, so they are asked. */
export async function hasWebLocks(): Promise<boolean> {
  try {
    await navigator.locks.request('oneflight-probe', { mode: 'shared', ifAvailable: true }, () => undefined);
    return true;
  } catch {
    return false;
  }
}

/** How often somebody else's turn is waited for before we go without the lock. */
const ROUNDS = 3;
/** What a lock taken by force is worth while its former holder may still be at work, in milliseconds: a lease. */
const FORCED_LEASE = 600_000;

async function holderOf(name: string): Promise<string | undefined> {
  const { held = [] } = await navigator.locks.query();
  return held.find((lock) => lock.name === name)?.clientId;
}

/**
 * Web Locks. A frozen page keeps its locks, and is granted free ones without running: so who waited for the deadline while
 * one and the same page held the lock takes it by force. By then an honest holder's request is over, if the deadline is
 * long enough for that; if it is not, what we hold is a lease, and the engine waits out what may be on its way.
 */
export function webLock(name: string, deadlines: Deadlines): Locker {
  return (left) => {
    const { released, release } = gate();
    const giveUp = new AbortController();
    let over = false;
    let ours = false;
    const taken = new Promise<number>((resolve) => {
      const hold = (worth: number) => () => {
        if (over) return undefined;
        ours = true;
        resolve(worth);
        return released;
      };
      const failed = (error: unknown) => {
        if (ours) {
          // Somebody took it by force while this page slept.
          if (!over) left(0);
        } else if (!(error instanceof DOMException && error.name === 'AbortError')) {
          resolve(FAILED);
        }
      };
      navigator.locks.request(name, { signal: giveUp.signal }, hold(HELD)).catch(failed);
      const wait = async () => {
        let holder = await holderOf(name);
        for (let round = 0; round < ROUNDS; round += 1) {
          await new Promise((wake) => setTimeout(wake, deadlines.lock));
          if (ours || over) return;
          const now = await holderOf(name);
          if (ours || over) return;
          if (now === holder) {
            giveUp.abort();
            const worth = deadlines.lock >= deadlines.work ? HELD : FORCED_LEASE;
            navigator.locks.request(name, { steal: true }, hold(worth)).catch(failed);
            return;
          }
          holder = now;
        }
        giveUp.abort();
        resolve(TIMED_OUT);
      };
      wait().catch(() => {
        giveUp.abort();
        resolve(FAILED);
      });
    });
    return {
      taken,
      release: () => {
        over = true;
        release();
        if (!ours) giveUp.abort();
      },
    };
  };
}

/** The lock of the application's own store. */
export function ownLock(
  lock: (work: (signal: AbortSignal) => Promise<void>, options: { signal: AbortSignal }) => Promise<void>,
  deadlines: Deadlines,
): Locker {
  return (left) => {
    const { released, release } = gate();
    const giveUp = new AbortController();
    let ours = false;
    const taken = new Promise<number>((resolve) => {
      const timer = setTimeout(() => {
        giveUp.abort();
        resolve(TIMED_OUT);
      }, deadlines.lock);
      const work = async (signal: AbortSignal | undefined) => {
        if (giveUp.signal.aborted) return;
        ours = true;
        clearTimeout(timer);
        signal?.addEventListener('abort', () => left(0));
        resolve(HELD);
        await released;
      };
      Promise.resolve()
        .then(() => lock(work, { signal: giveUp.signal }))
        .catch(() => {
          clearTimeout(timer);
          resolve(FAILED);
          if (ours) left(0);
        });
    });
    return {
      taken,
      release: () => {
        release();
        if (!ours) giveUp.abort();
      },
    };
  };
}

interface Lease {
  owner: string;
  until: number;
}

/** How often a lease of somebody else is looked at, in milliseconds. */
const LOOK = 200;

/** Where there are no Web Locks: a lease in IndexedDB. It outlives a page that dies, so others wait for its end. */
export function leaseLock(key: string, deadlines: Deadlines): Locker {
  const length = deadlines.work * 1.5;
  return (left) => {
    const owner = newId();
    let over = false;
    let renewal: ReturnType<typeof setInterval> | undefined;
    const take = (mine: (lease: Lease | undefined) => boolean) =>
      transact<boolean>(LEASES, 'readwrite', (leases, leave) => {
        const request: IDBRequest<Lease | undefined> = leases.get(key);
        request.onsuccess = () => {
          if (!mine(request.result)) return;
          leases.put({ owner, until: Date.now() + length }, key);
          leave(true);
        };
      });
    const isFree = (lease: Lease | undefined) => {
      const remaining = (lease?.until ?? 0) - Date.now();
      // One that lasts longer than leases do comes from a clock that was wrong.
      return remaining <= 0 || remaining > length;
    };
    const renew = async () => {
      const renewed = await take((lease) => lease?.owner === owner).catch(() => undefined);
      if (!over && renewed !== undefined) left(length);
      else if (!over) left(0);
    };
    const acquire = async () => {
      const end = Date.now() + Math.max(deadlines.lock, length + 2 * LOOK);
      while (!over && Date.now() < end) {
        if (await take(isFree)) {
          if (over) drop();
          else renewal = setInterval(() => void renew(), length / 3);
          return length;
        }
        await new Promise((wake) => setTimeout(wake, LOOK * (0.5 + Math.random())));
      }
      return TIMED_OUT;
    };
    const drop = () => {
      clearInterval(renewal);
      transact(LEASES, 'readwrite', (leases) => {
        const request: IDBRequest<Lease | undefined> = leases.get(key);
        request.onsuccess = () => {
          if (request.result?.owner === owner) leases.delete(key);
        };
      }).catch(() => undefined);
    };
    const taken = acquire().catch(() => FAILED);
    return {
      taken,
      release: () => {
        over = true;
        drop();
      },
    };
  };
}
