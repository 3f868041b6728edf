/** Numbers of the engine, in words: the other side of `crates/oneflight-web/src/shell/codes.rs`. */
import type { EndReason, ErrorCode, OneflightError, Status } from './api.js';
import { failure } from './errors.js';

export const TOKEN = 0;
export const SIGNED_IN = 1;
export const ENDED = 2;
export const NEVER_SIGNED_IN = 10;

const CODES: Record<number, [ErrorCode, string]> = {
  3: ['transient', 'The session changed again and again while a token was waited for.'],
  10: ['not-signed-in', 'Nobody is signed in.'],
  11: ['signed-out', 'The session is over.'],
  12: ['signed-out', 'The access token has run out, and no refresh token came with it.'],
  13: ['replaced', 'Another sign-in took the place of the session of this request.'],
  14: ['transient', 'The token could not be renewed now.'],
  15: ['ambiguous', 'The answer to the refresh was lost.'],
  16: ['interaction', 'The authorization server wants the user to sign in again.'],
  17: ['configuration', 'The authorization server refuses this client.'],
  18: ['same-token', 'The refresh gave back the very token that the API refuses.'],
  19: ['rejection-budget', 'The API refuses fresh tokens, so renewing is paused.'],
  20: ['closed', 'The session object was closed.'],
};

const TRANSIENT: Record<number, string> = {
  1: 'There is no connection to the token endpoint.',
  2: 'The token endpoint was asked too often.',
  3: 'The token endpoint is not available for now.',
  4: 'A portal, proxy or firewall answered in place of the token endpoint.',
  5: 'An answer was lost, and the refresh token is not presented again while the access token lives.',
  6: 'Another tab failed to refresh just now.',
  7: 'Another tab kept the lock for too long.',
  8: 'The lock could not be taken.',
  9: 'The storage could not be read.',
  10: 'The storage could not be written, so no refresh was sent.',
  11: 'The stored record kept changing.',
};

const AMBIGUOUS: Record<number, string> = {
  1: 'The token endpoint did not answer in time.',
  2: 'The answer of the token endpoint ended early.',
  3: 'The answer of the token endpoint is too large.',
  4: 'The token endpoint failed (server_error).',
  5: 'The token endpoint reported success and an error at once.',
  6: 'The token endpoint reported success without a body.',
  7: 'The token endpoint answered with something else than a JSON object.',
  8: 'The token response holds no access token.',
  9: 'The token response holds a token that is no text, or has characters that no header may carry.',
  10: 'The token response holds a token that is not of type Bearer.',
};

const CONFIGURATION: Record<number, string> = {
  1: 'Check the client id.',
  2: 'Check that the client may use refresh tokens.',
  3: 'Check the scope.',
  4: 'Check the resource or audience.',
  5: 'Check the URL of the token endpoint, and that it allows this origin (CORS).',
  6: 'The client is registered for DPoP; register it for bearer tokens.',
};

const TROUBLES: readonly string[] = [
  'Something else than a session is stored under this key.',
  'A newer version of oneflight wrote the stored session: reload the page.',
  'The stored session is damaged.',
];

const REASONS: readonly EndReason[] = ['sign-out', 'rejected', 'replay-detected', 'removed'];
const STATUSES: readonly Status[] = ['unknown', 'never-signed-in', 'signed-in'];
const FIRST_END = STATUSES.length;
const FIRST_STATUS = 1000;
const NO_REFRESH_TOKEN = 12;
const STORE_UNREADABLE = 9;

export function statusOf(code: number): { status: Status; reason: EndReason | undefined } {
  const status = STATUSES[code];
  return status ? { status, reason: undefined } : { status: 'signed-out', reason: reasonOf(code - FIRST_END) };
}

export function reasonOf(code: number): EndReason {
  return REASONS[code] ?? 'unknown';
}

export function errorOf(
  number: number,
  detail: number,
  retryAfterMillis: number,
  text: string | undefined,
  trouble: number | undefined,
  cause: unknown,
): OneflightError {
  const [code, message] = CODES[number] ?? ['transient', 'The token could not be renewed now.'];
  let more = '';
  if (code === 'transient') more = TRANSIENT[detail] ?? '';
  if (code === 'transient' && detail === STORE_UNREADABLE && trouble !== undefined) more += ` ${TROUBLES[trouble]}`;
  if (code === 'ambiguous') {
    more = detail >= FIRST_STATUS ? `The token endpoint answered with ${detail - FIRST_STATUS}.` : (AMBIGUOUS[detail] ?? '');
  }
  if (code === 'configuration') more = CONFIGURATION[detail] ?? 'Check the parameters of the token request.';
  const reason = code !== 'signed-out' ? undefined : number === NO_REFRESH_TOKEN ? 'expired' : reasonOf(detail);
  const parts = [message, more, text ? `(${text})` : ''].filter((part) => part);
  const retryAfter = retryAfterMillis < 0 ? undefined : retryAfterMillis;
  return failure(code, parts.join(' '), { reason, retryAfter, cause });
}
