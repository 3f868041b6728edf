import { HttpErrorResponse } from '@angular/common/http';
import type { Action, ErrorCode, OneflightError } from 'oneflight';

/**
 * What a request ends with when there was no token to be had for it. It is an `HttpErrorResponse`, as everything that
 * `HttpClient` fails with: of the refusal, if the API was asked, and with status 0 if nothing was sent.
 */
export class RenewalFailed extends HttpErrorResponse {
  /** What went wrong, as the session says it. */
  readonly cause: OneflightError;
  /** The API's answer, as it came; `undefined` if nothing was sent. */
  readonly refusal: HttpErrorResponse | undefined;
  override readonly message: string;

  /** @internal */
  constructor(cause: OneflightError, url: string, refusal?: HttpErrorResponse) {
    super(refusal ? answerOf(refusal) : { error: cause, status: 0, url });
    this.cause = cause;
    this.refusal = refusal;
    this.message = `No token for ${withoutQuery(this.url ?? url)}: ${cause.message}`;
  }

  /** What can be done about it. */
  get action(): Action {
    return this.cause.action;
  }

  /** The kind of failure. */
  get code(): ErrorCode {
    return this.cause.code;
  }

  /** Milliseconds until another try may be worth while. */
  get retryAfter(): number | undefined {
    return this.cause.retryAfter;
  }
}

/** Whether a caught error is a failed renewal. Unlike `instanceof`, also true across two copies of this package. */
export function isRenewalFailed(error: unknown): error is RenewalFailed {
  return error instanceof HttpErrorResponse && 'cause' in error && isOneflightError(error.cause);
}

/** @internal */
export function isOneflightError(error: unknown): error is OneflightError {
  return error instanceof Error && error.name === 'OneflightError';
}

function answerOf(refusal: HttpErrorResponse) {
  const { error, headers, status, statusText, url } = refusal;
  return { error, headers, status, statusText, ...(url === null ? {} : { url }) };
}

/** Queries may hold what does not belong into a log. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '');
}
