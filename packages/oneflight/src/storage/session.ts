/**
 * This tab: `sessionStorage`. A browser copies it with the tab (`window.open`, "duplicate tab"); two tabs that spend one
 * refresh token would end the session, so each tab holds a lock on its identity, and one that finds its own taken is a copy.
 */
import type { StoredRecord } from '../api.js';
import { pageLock } from '../lock.js';
import { memoryStore } from './memory.js';
import { newId, type Store } from './store.js';

const TAB = 'oneflight-tab';
const RECORD = 'oneflight:';
/** How long the page before, in the same tab, may take to let go after a reload, in milliseconds. */
const HAND_OVER = 1_000;
/** How long another tab has to answer where there are no Web Locks, in milliseconds. */
const ANSWER = 100;

/** Once per page, however many sessions it has. */
let identity: Promise<boolean> | undefined;

/** Whether this tab is a copy; makes it one of its own. */
async function isCopy(): Promise<boolean> {
  const known = sessionStorage.getItem(TAB);
  const copied = known !== null && !(await claim(known));
  if (known === null || copied) {
    const id = newId();
    if (copied) {
      const names = Object.keys(sessionStorage).filter((name) => name.startsWith(RECORD));
      for (const name of names) sessionStorage.removeItem(name);
    }
    sessionStorage.setItem(TAB, id);
    await claim(id);
  }
  return copied;
}

/** Takes the identity for this page, until it is left. */
async function claim(id: string): Promise<boolean> {
  try {
    return await claimByLock(`${TAB}:${id}`);
  } catch {
    return claimByAsking(`${TAB}:${id}`);
  }
}

async function claimByLock(name: string): Promise<boolean> {
  const left = new Promise<void>((resolve) => addEventListener('pagehide', () => resolve(), { once: true }));
  const taken = await new Promise<boolean>((resolve, reject) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), HAND_OVER);
    navigator.locks
      .request(name, { signal: abort.signal }, () => {
        clearTimeout(timer);
        resolve(true);
        return left;
      })
      .catch((error: unknown) => (abort.signal.aborted ? resolve(false) : reject(error)));
  });
  if (taken) {
    // Out of the back/forward cache again: the identity is still ours.
    const again = (event: PageTransitionEvent) => {
      if (event.persisted) void claimByLock(name).catch(() => undefined);
    };
    addEventListener('pageshow', again, { once: true });
  }
  return taken;
}

async function claimByAsking(name: string): Promise<boolean> {
  if (typeof BroadcastChannel === 'undefined') return true;
  const channel = new BroadcastChannel(name);
  const taken = await new Promise<boolean>((resolve) => {
    channel.onmessage = () => resolve(true);
    channel.postMessage('?');
    setTimeout(() => resolve(false), ANSWER);
  });
  if (taken) {
    channel.close();
    return false;
  }
  channel.onmessage = ({ data }) => {
    if (data === '?') channel.postMessage('!');
  };
  return true;
}

export async function sessionStore(key: string): Promise<Store> {
  let copied;
  try {
    identity ??= isCopy();
    copied = await identity;
  } catch {
    identity = undefined;
    return memoryStore('denied');
  }
  const name = RECORD + key;
  const read = (): StoredRecord | null => {
    const text = sessionStorage.getItem(name);
    if (text === null) return null;
    const end = text.indexOf(' ');
    // Without a tag it is not ours; the engine says so.
    return end < 0 ? { version: text, record: text } : { version: text.slice(0, end), record: text.slice(end + 1) };
  };
  return {
    ...memoryStore(),
    copied,
    locker: pageLock(`session:${key}`),
    load: async () => read(),
    swap: async (expected, record) => {
      if ((read()?.version ?? null) !== expected) return null;
      const version = newId();
      sessionStorage.setItem(name, `${version} ${record}`);
      return version;
    },
  };
}
