/** What is known of the page's life. */

/** Milliseconds after a rejected request in which a page that is being left learns of it. */
const LEAVING = 50;
/** Milliseconds for which the next page is waited for. Then it was a download, or the user stopped it. */
const DEPARTING = 10_000;

let left = false;
let back: (() => void)[] = [];
let gone: (() => void)[] = [];

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
    for (const resolve of gone.splice(0)) resolve();
  });
  addEventListener('pageshow', () => {
    left = false;
    for (const resolve of back.splice(0)) resolve();
  });
}

/** Watches, while a refresh is on its way, whether the page is being left. */
export interface Departure {
  /**
   * Waits until it is sure that this page is not just being left. When a page is reloaded, its requests are rejected while
   * it still runs, and what it sends then reaches the server: the refresh token would be spent twice.
   */
  staying(): Promise<void>;
  over(): void;
}

/**
 * Firefox rejects requests when the navigation begins, and hides the page only when the next one is there: on a slow site
 * that is long after. `beforeunload` says that it began; it is listened to only now, since it may cost the page its place
 * in the back-forward cache.
 */
export function watchDeparture(): Departure {
  if (typeof addEventListener !== 'function') return { staying: () => pause(LEAVING), over: () => undefined };
  let departing = false;
  const note = () => {
    departing = true;
  };
  addEventListener('beforeunload', note);
  return {
    staying: async () => {
      await pause(LEAVING);
      if (departing && !left) await Promise.race([pause(DEPARTING), new Promise<void>((resolve) => gone.push(resolve))]);
      if (left) await new Promise<void>((resolve) => back.push(resolve));
    },
    over: () => removeEventListener('beforeunload', note),
  };
}

const pause = (millis: number) => new Promise<void>((wake) => setTimeout(wake, millis));

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
