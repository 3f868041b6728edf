/** One refresh, however many requests. See the README. */
export type * from './api.js';
export { isOneflightError, RefreshRejected } from './errors.js';
export { whyNotReplayed } from './fetch.js';
export { createSession } from './session.js';
