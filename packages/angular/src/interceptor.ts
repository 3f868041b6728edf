import { DOCUMENT } from '@angular/common';
import {
  type HttpEvent,
  HttpErrorResponse,
  type HttpHandlerFn,
  type HttpInterceptorFn,
  type HttpRequest,
} from '@angular/common/http';
import { inject } from '@angular/core';
import type { Authorization, Session } from 'oneflight';
import { Observable, catchError, switchMap, throwError } from 'rxjs';

import { ONEFLIGHT_NO_REPLAY, ONEFLIGHT_OPT_OUT } from './context.js';
import { marked } from './not-replayed.js';
import { Oneflight, type OneflightToken } from './oneflight.js';
import { RenewalFailed, isOneflightError } from './renewal-failed.js';

/** @internal */
export function interceptorOf(token: OneflightToken): HttpInterceptorFn {
  return (request, next) => {
    const oneflight = inject(token);
    const base = inject(DOCUMENT).baseURI;
    const session = oneflight.session;
    if (session === null || !wantsToken(request, session, base) || !oneflight.settings.applies(request)) {
      return next(request);
    }
    return new Exchange(oneflight, session, request, next, base).run();
  };
}

/**
 * Puts the session's token on requests to its origins, and sends a refused one once more with a newer token. However
 * many requests are refused, and however many of them are unsubscribed from, there is one refresh.
 *
 * ```ts
 * provideHttpClient(withInterceptors([oneflightInterceptor]))
 * ```
 *
 * The last interceptor of the list is the one nearest to the network: with this one last, the others see no refusal
 * that a renewal heals. Fails with `RenewalFailed` if there is no token to be had.
 */
export const oneflightInterceptor: HttpInterceptorFn = interceptorOf(Oneflight);

function wantsToken(request: HttpRequest<unknown>, session: Session, base: string): boolean {
  if (request.context.get(ONEFLIGHT_OPT_OUT) || request.headers.has('Authorization')) {
    return false;
  }
  // A script element carries no header.
  if (request.method === 'JSONP') {
    return false;
  }
  const url = parsed(request.urlWithParams, base);
  return url !== undefined && session.allows(url);
}

/** One request, from its first sending to its last. */
class Exchange {
  constructor(
    private readonly oneflight: Oneflight,
    private readonly session: Session,
    private readonly request: HttpRequest<unknown>,
    private readonly next: HttpHandlerFn,
    private readonly base: string,
  ) {}

  run(): Observable<HttpEvent<unknown>> {
    return waited((signal) => this.oneflight.authorization(signal)).pipe(
      catchError((error: unknown) => throwError(() => this.failure(error))),
      switchMap((sent) =>
        this.send(sent).pipe(
          catchError((error: unknown) => (this.isRefusal(error) ? this.refused(sent, error) : throwError(() => error))),
        ),
      ),
    );
  }

  private send(authorization: Authorization): Observable<HttpEvent<unknown>> {
    return this.next(this.request.clone({ setHeaders: { Authorization: authorization.header } }));
  }

  private isRefusal(error: unknown): error is HttpErrorResponse {
    return (
      error instanceof HttpErrorResponse &&
      this.session.isRefusal(error.status, error.headers.get('WWW-Authenticate')) &&
      !this.leftItsOrigin(error)
    );
  }

  /** A redirect to another origin carries no token, so its refusal says nothing about ours. */
  private leftItsOrigin(error: HttpErrorResponse): boolean {
    return this.differs(error, (url) => url.origin);
  }

  /** Whoever redirects a `POST` may have carried it out (RFC 9110 §9.2.1 says what may be repeated). */
  private mayBeCarriedOut(error: HttpErrorResponse): boolean {
    const isSafe = this.request.method === 'GET' || this.request.method === 'HEAD';
    // The answer's URL has no fragment.
    return !isSafe && this.differs(error, (url) => url.href.replace(/#.*/, ''));
  }

  /** Whether the answer came from elsewhere than the request was sent to. */
  private differs(error: HttpErrorResponse, part: (url: URL) => string): boolean {
    const sentTo = parsed(this.request.urlWithParams, this.base);
    const answered = error.url ? parsed(error.url, this.base) : undefined;
    return answered !== undefined && (sentTo === undefined || part(answered) !== part(sentTo));
  }

  private refused(sent: Authorization, refusal: HttpErrorResponse): Observable<HttpEvent<unknown>> {
    const optedOut = this.request.context.get(ONEFLIGHT_NO_REPLAY);
    if (optedOut || this.mayBeCarriedOut(refusal)) {
      // For the next request; this one has its answer, and the next one hears of a failure.
      this.oneflight.newerThan(sent.stamp).catch(() => undefined);
      return throwError(() => marked(refusal, optedOut ? 'opted-out' : 'redirected'));
    }
    return waited((signal) => this.oneflight.newerThan(sent.stamp, signal)).pipe(
      catchError((error: unknown) => throwError(() => this.failure(error, refusal))),
      switchMap((newer) => this.send(newer)),
    );
  }

  private failure(error: unknown, refusal?: HttpErrorResponse): unknown {
    if (!isOneflightError(error)) {
      return error;
    }
    // The budget is spent because fresh tokens are refused: the API's answer is the news, not the renewal.
    if (refusal && (error.code === 'rejection-budget' || this.oneflight.settings.onFailure === 'response')) {
      return marked(refusal, 'not-renewed');
    }
    return new RenewalFailed(error, this.request.urlWithParams, refusal);
  }
}

/** Waits for a promise; unsubscribing gives the wait up, and nothing else. */
function waited<T>(ask: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((subscriber) => {
    const wait = new AbortController();
    ask(wait.signal).then(
      (value) => {
        subscriber.next(value);
        subscriber.complete();
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => wait.abort();
  });
}

function parsed(url: string, base: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
