import type { Action, EndReason, ErrorCode, OneflightError } from './api.js';

interface Details {
  reason?: EndReason | undefined;
  retryAfter?: number | undefined;
  response?: Response | undefined;
  cause?: unknown;
}

const ACTIONS: Partial<Record<ErrorCode, Action>> = {
  'not-signed-in': 'sign-in',
  'signed-out': 'sign-in',
  interaction: 'sign-in',
  transient: 'retry-later',
  ambiguous: 'retry-later',
  'rejection-budget': 'retry-later',
  configuration: 'fix-configuration',
  'same-token': 'fix-configuration',
  'bad-token': 'fix-configuration',
  'wasm-blocked': 'fix-configuration',
  'invalid-option': 'fix-configuration',
};

class Failure extends Error implements OneflightError {
  override readonly name = 'OneflightError';
  readonly action: Action;
  readonly reason: EndReason | undefined;
  readonly retryAfter: number | undefined;
  readonly response: Response | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    details: Details = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.action = ACTIONS[code] ?? 'none';
    this.reason = details.reason;
    this.retryAfter = details.retryAfter;
    this.response = details.response;
  }
}

export function failure(code: ErrorCode, message: string, details?: Details): OneflightError {
  return new Failure(code, message, details);
}

/** The same error for one request, with the refusal that it could not heal. */
export function withResponse(error: unknown, response: Response): unknown {
  if (!(error instanceof Failure)) return error;
  const { code, message, reason, retryAfter } = error;
  return failure(code, message, { reason, retryAfter, response, cause: error });
}

/** Whether this package rejected with it. */
export function isOneflightError(error: unknown): error is OneflightError {
  return error instanceof Failure;
}

/** Thrown by a `refresh` of your own: the server no longer accepts the refresh token, and the session is over. */
export class RefreshRejected extends Error {
  override readonly name = 'RefreshRejected';
}
