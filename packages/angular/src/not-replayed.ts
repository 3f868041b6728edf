import type { HttpErrorResponse } from '@angular/common/http';
import type { NotReplayed } from 'oneflight';

const marks = new WeakMap<object, NotReplayed>();

/**
 * Why a refused request was not sent a second time; `undefined` if it was, or if nothing was refused. `error` is what the
 * request failed with.
 */
export function whyNotReplayed(error: unknown): NotReplayed | undefined {
  return typeof error === 'object' && error !== null ? marks.get(error) : undefined;
}

/** @internal */
export function marked(refusal: HttpErrorResponse, why: NotReplayed): HttpErrorResponse {
  marks.set(refusal, why);
  return refusal;
}
