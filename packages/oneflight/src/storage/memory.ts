import type { Sharing, StoredRecord } from '../api.js';
import { noLock } from '../lock.js';
import { newId, type Store } from './store.js';

/** This page alone. */
export function memoryStore(sharing: Sharing = 'alone'): Store {
  let stored: StoredRecord | null = null;
  return {
    sharing,
    copied: false,
    locker: noLock,
    load: async () => stored,
    swap: async (expected, record) => {
      if ((stored?.version ?? null) !== expected) return null;
      stored = { version: newId(), record };
      return stored.version;
    },
    announce: () => undefined,
    subscribe: () => () => undefined,
    close: () => undefined,
  };
}
