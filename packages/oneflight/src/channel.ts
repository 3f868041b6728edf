/** Messages between the pages of one origin. They are hints: a version, never a token; the store is the truth. */
import type { Store } from './storage/store.js';

export function channel(name: string): Pick<Store, 'announce' | 'subscribe' | 'close'> {
  let open: BroadcastChannel | undefined;
  try {
    open = new BroadcastChannel(name);
  } catch {
    // Without it, changes are seen when the page is looked at.
  }
  return {
    announce: (version) => open?.postMessage(version),
    subscribe: (heard) => {
      const listener = ({ data }: MessageEvent<unknown>) => heard(typeof data === 'number' ? data : undefined);
      open?.addEventListener('message', listener);
      return () => open?.removeEventListener('message', listener);
    },
    close: () => open?.close(),
  };
}
