/**
 * oneflight for Angular's HttpClient: one token refresh, however many requests.
 *
 * @packageDocumentation
 */
export { ONEFLIGHT_NO_REPLAY, ONEFLIGHT_OPT_OUT } from './context.js';
export { signedInGuard } from './guard.js';
export { oneflightInterceptor } from './interceptor.js';
export { whyNotReplayed } from './not-replayed.js';
export { Oneflight } from './oneflight.js';
export type { OneflightAngularOptions, OneflightConfig } from './options.js';
export { type NamedOneflight, defineOneflight, provideOneflight } from './provide.js';
export { RenewalFailed, isRenewalFailed } from './renewal-failed.js';
