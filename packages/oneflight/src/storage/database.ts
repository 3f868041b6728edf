/** IndexedDB, as far as it is needed: one transaction at a time, awaited to its end. */

const NAME = 'oneflight';
export const RECORDS = 'records';
export const LEASES = 'leases';

/** Whether site data is denied for good, not ill for now. */
export class Denied extends Error {}

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(RECORDS);
      request.result.createObjectStore(LEASES);
    };
    request.onsuccess = () => {
      const database = request.result;
      const forget = () => {
        opened = undefined;
      };
      database.onclose = forget;
      database.onversionchange = () => {
        database.close();
        forget();
      };
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  }).catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/** Runs `work` on one store in one transaction, and resolves with what it left when that is complete. */
export async function transact<T>(
  store: string,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore, leave: (value: T) => void) => void,
): Promise<T | undefined> {
  for (let fresh = false; ; fresh = true) {
    const database = await open();
    let transaction: IDBTransaction;
    try {
      transaction = database.transaction(store, mode, { durability: 'strict' });
    } catch (error) {
      // The connection was closed under us: once more with a new one.
      if (fresh) throw error;
      opened = undefined;
      continue;
    }
    return new Promise<T | undefined>((resolve, reject) => {
      let left: T | undefined;
      transaction.oncomplete = () => resolve(left);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(store), (value) => {
        left = value;
      });
    });
  }
}

/** Opens the database, so that it shows whether there is one. Rejects with `Denied` if there never will be. */
export async function probe(): Promise<void> {
  if (typeof indexedDB === 'undefined') throw new Denied();
  try {
    await open();
  } catch (error) {
    const name = error instanceof Error || error instanceof DOMException ? error.name : '';
    if (name === 'SecurityError' || name === 'InvalidStateError' || isBlocked()) throw new Denied();
    // Ill for now: reading will say so, and is tried again.
  }
}

/** Browsers that block site data say so plainest here. Nothing is asked of it but whether it throws. */
function isBlocked(): boolean {
  try {
    return globalThis.sessionStorage === undefined;
  } catch {
    return true;
  }
}
