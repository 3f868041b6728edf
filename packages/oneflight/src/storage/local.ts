/**
 * Every page of the origin: IndexedDB. localStorage never decides anything here: read under a lock it can be older than
 * what another tab wrote before it gave the lock away.
 */
import type { StoredRecord } from '../api.js';
import { hasWebLocks, leaseLock, webLock, type Deadlines } from '../lock.js';
import { channel } from '../channel.js';
import { Denied, probe, RECORDS, transact } from './database.js';
import { memoryStore } from './memory.js';
import { newId, type Store } from './store.js';

export async function localStore(key: string, deadlines: Deadlines): Promise<Store> {
  try {
    await probe();
  } catch (error) {
    if (error instanceof Denied) return memoryStore('denied');
    throw error;
  }
  const locks = await hasWebLocks();
  const name = `oneflight:${key}`;
  const messages = channel(name);
  return {
    sharing: locks ? 'locks' : 'lease',
    copied: false,
    locker: locks ? webLock(name, deadlines) : leaseLock(key, deadlines),
    load: async () => {
      const stored = await transact<StoredRecord>(RECORDS, 'readonly', (records, leave) => {
        const request: IDBRequest<StoredRecord | undefined> = records.get(key);
        request.onsuccess = () => request.result && leave(request.result);
        // A page that is frozen before it hears of the result would keep all others from writing.
        records.transaction.commit();
      });
      return stored ?? null;
    },
    swap: async (expected, record) => {
      const written = await transact<string>(RECORDS, 'readwrite', (records, leave) => {
        const request: IDBRequest<StoredRecord | undefined> = records.get(key);
        request.onsuccess = () => {
          if ((request.result?.version ?? null) !== expected) return;
          const version = newId();
          records.put({ version, record }, key);
          leave(version);
        };
      });
      return written ?? null;
    },
    ...messages,
  };
}
