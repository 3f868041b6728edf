import { HttpContextToken } from '@angular/common/http';

/**
 * Leaves one request alone: no token, no waiting, no replay. For the sign-in request itself, and whatever else is sent
 * by people who are not signed in.
 *
 * ```ts
 * http.post('/api/login', form, { context: new HttpContext().set(ONEFLIGHT_OPT_OUT, true) });
 * ```
 */
export const ONEFLIGHT_OPT_OUT = new HttpContextToken<boolean>(() => false);

/**
 * Puts the token on one request, but never sends it a second time: a refusal is handed back as it came, and the token
 * is renewed for the next request.
 */
export const ONEFLIGHT_NO_REPLAY = new HttpContextToken<boolean>(() => false);
