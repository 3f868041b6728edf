import {
  DestroyRef,
  EnvironmentInjector,
  type EnvironmentProviders,
  InjectionToken,
  createEnvironmentInjector,
  inject,
  makeEnvironmentProviders,
} from '@angular/core';
import type { HttpInterceptorFn } from '@angular/common/http';
import type { CanActivateFn } from '@angular/router';

import { guardOf } from './guard.js';
import { interceptorOf } from './interceptor.js';
import { Oneflight } from './oneflight.js';
import { GIVEN, type Given, type OneflightAngularOptions, type OneflightConfig } from './options.js';

/**
 * Provides one session to the application, or to a part of it with an environment injector of its own.
 *
 * ```ts
 * bootstrapApplication(App, {
 *   providers: [
 *     provideOneflight({ refreshUrl: '/api/auth/refresh', origins: ['self'], storage: 'local' }),
 *     provideHttpClient(withInterceptors([oneflightInterceptor])),
 *   ],
 * });
 * ```
 *
 * The session is made when it is first injected, and closed with the injector; a session of your own is left open.
 */
export function provideOneflight(config: OneflightConfig, options: OneflightAngularOptions = {}): EnvironmentProviders {
  return makeEnvironmentProviders([{ provide: GIVEN, useValue: { config, options } satisfies Given }, Oneflight]);
}

/** What a session beside the first one consists of. */
export interface NamedOneflight {
  /** Its `provideOneflight`. */
  readonly provide: (config: OneflightConfig, options?: OneflightAngularOptions) => EnvironmentProviders;
  /** Its `oneflightInterceptor`. */
  readonly interceptor: HttpInterceptorFn;
  /** Its `signedInGuard`. */
  readonly guard: CanActivateFn;
  /** Its service: `inject(partner.token)`. */
  readonly token: InjectionToken<Oneflight>;
}

/**
 * A further session of the same application, with another grant: other origins, and another `key` if the storage is
 * shared.
 *
 * ```ts
 * export const partner = defineOneflight('partner');
 * // providers:
 * partner.provide({ tokenEndpoint: …, clientId: …, origins: ['https://api.partner.example'], key: 'partner' }),
 * provideHttpClient(withInterceptors([oneflightInterceptor, partner.interceptor])),
 * ```
 *
 * Each interceptor takes the requests to its own origins. If an origin belongs to both, the first of the list has it.
 */
export function defineOneflight(name: string): NamedOneflight {
  const token = new InjectionToken<Oneflight>(`oneflight ${name}`);
  return {
    token,
    interceptor: interceptorOf(token),
    guard: guardOf(token),
    provide: (config, options = {}) =>
      makeEnvironmentProviders([{ provide: token, useFactory: () => apart(config, options) }]),
  };
}

/** The service, out of an injector of its own, so that it does not meet the first one. */
function apart(config: OneflightConfig, options: OneflightAngularOptions): Oneflight {
  const injector = createEnvironmentInjector([provideOneflight(config, options)], inject(EnvironmentInjector));
  inject(DestroyRef).onDestroy(() => injector.destroy());
  return injector.get(Oneflight);
}
