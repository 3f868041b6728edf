/** What is known of the page's life. */

/** Milliseconds after a rejected request in which a page that is being left learns of it. */
const LEAVING = 50;

let left = false;
let back: (() => void)[] = [];

/** Whether there is a page: importing this package on a server does nothing. */
export function hasPage(): boolean {
  return typeof document !== 'undefined' || typeof importScripts === 'function';
}

declare function importScripts(...urls: string[]): void;

export function isVisible(): boolean {
  return typeof document === 'undefined' || document.visibilityState !== 'hidden';
}

let watching = false;

export function watchPage(): void {
  if (watching || typeof addEventListener !== 'function') return;
  watching = true;
  addEventListener('pagehide', () => {
    left = true;
  });
  addEventListener('pageshow', () => {
    left = false;
    for (const resolve of back.splice(0)) resolve();
  });
}

/**
 * Waits until it is sure that this page is not just being left. When a page is reloaded, its requests are rejected while it
 * still runs, and what it sends then reaches the server: the refresh token would be spent twice.
 */
export async function staying(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, LEAVING));
  if (left) await new Promise<void>((resolve) => back.push(resolve));
}

/** Calls `look` when the page may have slept, and `seen` when it can be seen or no longer can. Returns how to stop that. */
export function onWake(look: () => void, seen: (visible: boolean) => void): () => void {
  if (typeof addEventListener !== 'function') return () => undefined;
  const visibility = () => {
    seen(isVisible());
    if (isVisible()) look();
  };
  const shown = (event: PageTransitionEvent) => {
    if (event.persisted) visibility();
  };
  addEventListener('pageshow', shown);
  addEventListener('focus', look);
  addEventListener('online', look);
  const page = typeof document === 'undefined' ? undefined : document;
  page?.addEventListener?.('visibilitychange', visibility);
  return () => {
    removeEventListener('pageshow', shown);
    removeEventListener('focus', look);
    removeEventListener('online', look);
    page?.removeEventListener?.('visibilitychange', visibility);
  };
}
