import {
  DestroyRef,
  Injectable,
  type InjectionToken,
  NgZone,
  type Signal,
  type Type,
  computed,
  inject,
  signal,
} from '@angular/core';
import {
  type Authorization,
  type OneflightError,
  type Session,
  type SessionEventMap,
  type SessionOptions,
  type Snapshot,
  type Status,
  type Tokens,
  createSession,
} from 'oneflight';
import { EMPTY, Observable } from 'rxjs';

import { GIVEN, type Settings, settingsOf } from './options.js';

/** What a server knows of the session: nothing. */
const ON_A_SERVER: Snapshot = {
  status: 'unknown',
  signedIn: false,
  reason: undefined,
  expiresAt: undefined,
  generation: 0,
  sharing: 'alone',
};

/**
 * The session, for components and services: its state as signals, its events as observables. Provided by
 * `provideOneflight`. On a server nothing is loaded, nobody is signed in, and `token()` rejects with `'no-browser'`.
 */
@Injectable()
export class Oneflight {
  readonly #zone = inject(NgZone);
  readonly #destroyed = inject(DestroyRef);
  readonly #session: Session | null;
  readonly #snapshot = signal<Snapshot>(ON_A_SERVER);

  /** Everything there is to see, immutable. */
  readonly snapshot: Signal<Snapshot> = this.#snapshot.asReadonly();
  /** `'unknown'` until the storage was read. */
  readonly status: Signal<Status> = computed(() => this.#snapshot().status);
  /** Whether somebody is signed in, as far as is known. */
  readonly signedIn: Signal<boolean> = computed(() => this.#snapshot().signedIn);
  /** Resolves when the storage was read, so that `status` is known. On a server: at once. */
  readonly ready: Promise<void>;
  /** @internal */
  readonly settings: Settings = settingsOf(inject(GIVEN));

  constructor() {
    const session = this.settings.session && this.#open(this.settings.session);
    this.#session = session;
    this.ready = this.#outside((session) => session.ready) ?? Promise.resolve();
    if (session === null) {
      return;
    }
    const show = () => this.#snapshot.set(session.snapshot);
    this.#destroyed.onDestroy(session.subscribe(show));
    show();
    // Whoever waits for it hears of a failure; that nobody waits is no failure of the application.
    this.ready.catch(() => undefined);
  }

  /** The session itself, for what this service does not wrap, as `fetch`. `null` on a server. */
  get session(): Session | null {
    return this.#session;
  }

  /**
   * The events of one name, in Angular's zone if there is one. They complete when the application ends; on a server at
   * once.
   *
   * ```ts
   * oneflight.on('signout').subscribe(({ reason }) => router.navigateByUrl('/login'));
   * ```
   */
  on<K extends keyof SessionEventMap>(type: K): Observable<SessionEventMap[K]['detail']> {
    const session = this.#session;
    if (session === null) {
      return EMPTY;
    }
    return new Observable((subscriber) => {
      const heard = (event: SessionEventMap[K]) => this.#zone.run(() => subscriber.next(event.detail));
      session.addEventListener(type, heard);
      subscriber.add(() => session.removeEventListener(type, heard));
      subscriber.add(this.#destroyed.onDestroy(() => subscriber.complete()));
    });
  }

  /** Signs in with the tokens of your login. Resolves when they serve; `saved`: they are stored. */
  signIn(tokens: Tokens): Promise<{ saved: boolean }> {
    return this.#asked((session) => session.signIn(tokens));
  }

  /** Ends the session: here and now, in the storage and at the server as soon as they can be reached. */
  signOut(): Promise<void> {
    return this.#asked((session) => session.signOut());
  }

  /** An access token that is valid now; renews first if it must. Giving `signal` up never ends the renewal. */
  token(options?: { signal?: AbortSignal }): Promise<string> {
    return this.#asked((session) => session.token(options));
  }

  /** @internal */
  authorization(signal: AbortSignal): Promise<Authorization> {
    return this.#asked((session) => session.authorization({ signal }));
  }

  /** @internal */
  newerThan(stamp: string, signal?: AbortSignal): Promise<Authorization> {
    return this.#asked((session) => session.newerThan(stamp, signal ? { signal } : {}));
  }

  /** Makes the session, to be closed with the injector; or takes one that belongs to somebody else. */
  #open(given: SessionOptions | Session): Session {
    if (isSession(given)) {
      return given;
    }
    const made = this.#zone.runOutsideAngular(() => createSession(given));
    this.#destroyed.onDestroy(() => void made.close().catch(() => undefined));
    return made;
  }

  /**
   * Calls into the session outside Angular's zone: its timers and messages are nobody's change detection, and an
   * application that is stable must not wait for them. Whoever awaits the promise is called back in their own zone.
   */
  #outside<T>(ask: (session: Session) => T): T | undefined {
    const session = this.#session;
    return session === null ? undefined : this.#zone.runOutsideAngular(() => ask(session));
  }

  #asked<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    return this.#outside(ask) ?? Promise.reject(noBrowser());
  }
}

/** @internal How a session is asked for: the class, or the token of another session. */
export type OneflightToken = Type<Oneflight> | InjectionToken<Oneflight>;

function isSession(given: SessionOptions | Session): given is Session {
  return 'newerThan' in given && typeof given.newerThan === 'function';
}

function noBrowser(): OneflightError {
  return Object.assign(new Error('There is no session on a server.'), {
    name: 'OneflightError' as const,
    code: 'no-browser' as const,
    action: 'none' as const,
    reason: undefined,
    retryAfter: undefined,
    response: undefined,
  });
}
