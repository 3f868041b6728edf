import { inject } from '@angular/core';
import { type CanActivateFn, Router } from '@angular/router';

import { Oneflight, type OneflightToken } from './oneflight.js';

/** @internal */
export function guardOf(token: OneflightToken): CanActivateFn {
  return async (_route, { url }) => {
    const oneflight = inject(token);
    const router = inject(Router);
    await oneflight.ready;
    // On a server nobody knows; the browser asks again.
    if (oneflight.session === null || oneflight.signedIn()) {
      return true;
    }
    const { signInRoute, returnTo } = oneflight.settings;
    return router.createUrlTree([signInRoute], returnTo === null ? {} : { queryParams: { [returnTo]: url } });
  };
}

/**
 * Lets those pass who are signed in, once that is known, and sends the others to the `signInRoute`. For `canActivate`
 * and `canActivateChild`.
 *
 * On a server it lets everybody pass, for a server does not see the session: render what it guards in the browser
 * (`RenderMode.Client`).
 */
export const signedInGuard: CanActivateFn = guardOf(Oneflight);
