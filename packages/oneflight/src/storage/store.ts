import type { Sharing, StoredRecord } from '../api.js';
import type { Locker } from '../lock.js';

/** Where one session's record is kept, and the lock of all who share it. */
export interface Store {
  readonly sharing: Sharing;
  /** This tab is a copy of another one, which keeps what was stored. */
  readonly copied: boolean;
  readonly locker: Locker;
  load(): Promise<StoredRecord | null>;
  swap(expected: string | null, record: string): Promise<string | null>;
  /** Tells the others that the store has reached this version. */
  announce(version: number): void;
  /** `heard`: another page wrote; the version, if it said so. Returns how to stop that. */
  subscribe(heard: (version: number | undefined) => void): () => void;
  close(): void;
}

/** 32 random hexadecimal digits: a tag, an owner, a session that there never was before. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
