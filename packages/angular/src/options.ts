import { isPlatformBrowser } from '@angular/common';
import { InjectionToken, PLATFORM_ID, inject } from '@angular/core';
import type { HttpRequest } from '@angular/common/http';
import type { Session, SessionOptions } from 'oneflight';

/**
 * What a session is made of: the options of `createSession`, or a session you made yourself. A function is called in
 * an injection context, once, and never on a server.
 */
export type OneflightConfig = SessionOptions | Session | (() => SessionOptions | Session);

/** What concerns Angular alone. */
export interface OneflightAngularOptions {
  /** Where `signedInGuard` sends those who are not signed in. Default `'/login'`. */
  readonly signInRoute?: string;
  /**
   * The query parameter of `signInRoute` that holds the refused URL, for `Router.navigateByUrl` after the sign-in.
   * `null`: none. Default `'returnTo'`.
   */
  readonly returnTo?: string | null;
  /**
   * Which requests to the allowed origins want a token; by default all. The others pass as if they had opted out.
   * Called in an injection context. Example: `(request) => request.url.startsWith('/api/')`.
   */
  readonly applies?: (request: HttpRequest<unknown>) => boolean;
  /**
   * What a failed renewal does to a refused request: `'error'` fails with `RenewalFailed`, `'response'` with the refusal
   * as it came. Default: what the session's own options say, and `'error'` if they say nothing.
   */
  readonly onFailure?: 'error' | 'response';
}

/** @internal */
export interface Settings extends Required<OneflightAngularOptions> {
  readonly session: SessionOptions | Session | null;
}

/** @internal What was given to `provideOneflight`. */
export interface Given {
  readonly config: OneflightConfig;
  readonly options: OneflightAngularOptions;
}

/** @internal */
export const GIVEN = new InjectionToken<Given>('what provideOneflight was given');

/** @internal Fills in what was left out. Needs an injection context. */
export function settingsOf({ config, options }: Given): Settings {
  const onServer = !isPlatformBrowser(inject(PLATFORM_ID));
  const session = onServer ? null : typeof config === 'function' ? config() : config;
  return {
    session,
    signInRoute: options.signInRoute ?? '/login',
    returnTo: options.returnTo === undefined ? 'returnTo' : options.returnTo,
    applies: options.applies ?? (() => true),
    onFailure: options.onFailure ?? (session && 'onFailure' in session ? session.onFailure : undefined) ?? 'error',
  };
}
