import type { RecordStore } from '../api.js';
import { hasWebLocks, ownLock, pageLock, webLock, type Deadlines } from '../lock.js';
import { memoryStore } from './memory.js';
import type { Store } from './store.js';

/** A store of the application. */
export async function customStore(store: RecordStore, key: string, deadlines: Deadlines): Promise<Store> {
  const locks = !store.lock && (await hasWebLocks());
  const byPage = () => pageLock(`custom:${key}`);
  return {
    ...memoryStore(),
    sharing: store.lock || locks ? 'locks' : 'alone',
    locker: store.lock ? ownLock(store.lock.bind(store), deadlines) : locks ? webLock(`oneflight:${key}`, deadlines) : byPage(),
    load: async () => store.load(),
    swap: async (expected, record) => store.swap(expected, record),
    subscribe: (heard) => store.subscribe?.(() => heard(undefined)) ?? (() => undefined),
  };
}
