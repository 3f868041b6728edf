import { http, oneflight, app, settled } from './setup.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpErrorResponse, HttpInterceptorFn } from '@angular/common/http';
import { BehaviorSubject, Subject, catchError, filter, firstValueFrom, from, switchMap, take, throwError } from 'rxjs';

import { FakeSession, oneflightError } from './fake-session.js';

const { HttpContext } = http;
const { ONEFLIGHT_NO_REPLAY, ONEFLIGHT_OPT_OUT, isRenewalFailed, whyNotReplayed } = oneflight;
const REFUSED = { status: 401, statusText: 'Unauthorized' };

const headersOf = (requests: { request: { headers: { get(name: string): string | null } } }[]) =>
  requests.map(({ request }) => request.headers.get('Authorization'));

/** The interceptor of the tutorials, with the check of the flag in it, and with the hole that late refusals fall through. */
function textbook(session: FakeSession): HttpInterceptorFn {
  let refreshing = false;
  const renewed = new BehaviorSubject<string | null>(null);
  return (request, next) => {
    const withToken = (header: string) => next(request.clone({ setHeaders: { Authorization: header } }));
    return from(session.authorization()).pipe(
      switchMap(({ header, stamp }) =>
        withToken(header).pipe(
          catchError((error: HttpErrorResponse) => {
            if (error.status !== 401) {
              return throwError(() => error);
            }
            if (refreshing) {
              return renewed.pipe(filter((value) => value !== null), take(1), switchMap(withToken));
            }
            refreshing = true;
            renewed.next(null);
            // It knows nothing of stamps: it refreshes.
            void stamp;
            return from(session.newerThan(String(session.generation))).pipe(
              switchMap((newer) => {
                refreshing = false;
                renewed.next(newer.header);
                return withToken(newer.header);
              }),
            );
          }),
        ),
      ),
    );
  };
}

/** 50 calls with a refused token, half of the refusals before and half after the refresh. */
async function staggered(session: FakeSession, interceptor: HttpInterceptorFn) {
  const { client, backend } = app(session, {}, [interceptor]);
  const calls = Array.from({ length: 50 }, (_, index) => firstValueFrom(client.get(`/api/${index}`)));
  await settled();
  const first = backend.match(() => true);
  assert.equal(first.length, 50);
  first.slice(0, 25).forEach((call) => call.flush(null, REFUSED));
  await settled();
  session.renewed();
  await settled();
  backend.match(() => true).forEach((call) => call.flush('ok'));
  first.slice(25).forEach((call) => call.flush(null, REFUSED));
  await settled();
  session.renewed();
  await settled();
  backend.match(() => true).forEach((call) => call.flush('ok'));
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['ok']));
  return session.posts;
}

test('b10_s2_fifty_calls_refused_before_and_after_the_refresh_cost_one_post', async () => {
  assert.equal(await staggered(new FakeSession(), oneflight.oneflightInterceptor), 1);
});

test('b10_the_textbook_interceptor_needs_more_posts_for_the_same_calls', async () => {
  const session = new FakeSession();
  assert.ok((await staggered(session, textbook(session))) > 1);
});

test('b10_s1_each_refused_call_is_replayed_with_the_newer_token', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const body = { amount: 3 };
  const call = firstValueFrom(client.post('/api/pay?x=1', body, { headers: { 'X-Trace': '7' } }));
  await settled();
  const sent = backend.expectOne('/api/pay?x=1');
  assert.equal(sent.request.headers.get('Authorization'), 'Bearer token-1');
  sent.flush(null, REFUSED);
  await settled();
  session.renewed();
  await settled();
  const replay = backend.expectOne('/api/pay?x=1');
  assert.equal(replay.request.headers.get('Authorization'), 'Bearer token-2');
  assert.equal(replay.request.headers.get('X-Trace'), '7');
  assert.deepEqual(replay.request.body, body);
  replay.flush('paid');
  assert.equal(await call, 'paid');
});

test('b10_switching_to_another_request_cancels_the_request_and_never_the_refresh', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const search = new Subject<string>();
  const found: unknown[] = [];
  search.pipe(switchMap((word) => client.get(`/api/search/${word}`))).subscribe((result) => found.push(result));
  search.next('a');
  await settled();
  backend.expectOne('/api/search/a').flush(null, REFUSED);
  await settled();
  assert.equal(session.posts, 1);
  search.next('ab');
  await settled();
  backend.expectOne('/api/search/ab').flush(null, REFUSED);
  await settled();
  session.renewed();
  await settled();
  backend.expectNone('/api/search/a');
  backend.expectOne('/api/search/ab').flush('found');
  await settled();
  assert.deepEqual(found, ['found']);
  assert.equal(session.posts, 1);
});

test('b10_unsubscribing_from_a_request_under_way_cancels_it', async () => {
  const { client, backend } = app(new FakeSession());
  const subscription = client.get('/api/long').subscribe();
  await settled();
  const sent = backend.expectOne('/api/long');
  subscription.unsubscribe();
  assert.ok(sent.cancelled);
});

test('b10_unsubscribing_while_waiting_for_a_token_gives_up_the_wait_and_sends_nothing', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  client.get('/api/a').subscribe().unsubscribe();
  assert.equal(session.waits.length, 1);
  assert.ok(session.waits[0]?.aborted);
  await settled();
  backend.expectNone('/api/a');
});

test('b10_o1_only_allowed_origins_get_the_token_and_relative_urls_are_resolved_by_the_base', async () => {
  const { client, backend } = app(new FakeSession());
  const urls = ['https://app.example.evil.test/a', 'https://app.example:444/a', 'http://app.example/a', '//cdn.test/a', 'a', '../b', '/c', 'https://APP.example/d'];
  urls.forEach((url) => client.get(url).subscribe());
  await settled();
  const tokens = urls.map((url) => headersOf([backend.expectOne(url)])[0] !== null);
  assert.deepEqual(tokens, [false, false, false, false, true, true, true, true]);
});

test('b10_r2_an_own_authorization_header_and_opted_out_requests_are_left_alone', async () => {
  const session = new FakeSession('never-signed-in');
  const { client, backend } = app(session, { applies: (request) => !request.url.startsWith('/assets/') });
  client.get('/api/own', { headers: { Authorization: 'Basic eA==' } }).subscribe({ error: () => undefined });
  client.post('/api/login', {}, { context: new HttpContext().set(ONEFLIGHT_OPT_OUT, true) }).subscribe({ error: () => undefined });
  client.get('/assets/de.json').subscribe();
  const sent = backend.match(() => true);
  assert.deepEqual(headersOf(sent), ['Basic eA==', null, null]);
  sent[0]!.flush(null, REFUSED);
  sent[1]!.flush(null, REFUSED);
  await settled();
  assert.equal(session.posts, 0);
});

test('b10_r3_the_second_refusal_is_handed_back_as_it_came', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const outcome = firstValueFrom(client.get('/api/x')).catch((error: unknown) => error);
  for (const last of [false, true]) {
    await settled();
    backend.expectOne('/api/x').flush(last ? 'second' : 'first', REFUSED);
    await settled();
    session.renewed();
  }
  const error = (await outcome) as HttpErrorResponse;
  assert.ok(error instanceof http.HttpErrorResponse && !isRenewalFailed(error));
  assert.equal(error.error, 'second');
  assert.equal(session.posts, 1);
});

test('b10_r2_r9_what_no_renewal_heals_passes_through', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const answers = [
    { status: 403, statusText: 'Forbidden' },
    { status: 500, statusText: 'Oops' },
    { ...REFUSED, headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' } },
  ];
  for (const answer of answers) {
    const outcome = firstValueFrom(client.get('/api/x')).catch((error: HttpErrorResponse) => error.status);
    await settled();
    backend.expectOne('/api/x').flush(null, answer);
    assert.equal(await outcome, answer.status);
  }
  assert.equal(session.posts, 0);
});

test('b10_f10_a_failed_renewal_is_a_typed_error_that_keeps_the_refusal', async () => {
  for (const onFailure of ['error', 'response'] as const) {
    const session = new FakeSession();
    const { client, backend } = app(session, { onFailure });
    const outcome = firstValueFrom(client.get('/api/x?secret=1')).catch((error: unknown) => error);
    await settled();
    backend.expectOne('/api/x?secret=1').flush('why', REFUSED);
    await settled();
    session.failed(oneflightError('transient', 'retry-later'));
    const error = (await outcome) as HttpErrorResponse;
    assert.equal(error.status, 401);
    assert.equal(error.error, 'why');
    assert.equal(isRenewalFailed(error), onFailure === 'error');
    if (isRenewalFailed(error)) {
      assert.deepEqual([error.action, error.code, error.retryAfter], ['retry-later', 'transient', 1_000]);
      assert.equal(error.refusal?.error, 'why');
      assert.ok(!error.message.includes('secret'));
    }
  }
});

test('b10_l6_without_a_sign_in_nothing_is_sent_and_the_error_says_so', async () => {
  const { client, backend } = app(new FakeSession('never-signed-in'));
  const error: unknown = await firstValueFrom(client.get('/api/x')).catch((error: unknown) => error);
  assert.ok(isRenewalFailed(error));
  assert.deepEqual([error.status, error.action, error.refusal], [0, 'sign-in', undefined]);
  backend.expectNone('/api/x');
});

test('b10_r4_a_spent_budget_hands_the_refusal_back', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const outcome = firstValueFrom(client.get('/api/x')).catch((error: unknown) => error);
  await settled();
  backend.expectOne('/api/x').flush(null, REFUSED);
  await settled();
  session.failed(oneflightError('rejection-budget', 'none'));
  const error = (await outcome) as HttpErrorResponse;
  assert.ok(error.status === 401 && !isRenewalFailed(error));
  assert.equal(whyNotReplayed(error), 'not-renewed');
});

test('b10_r10_a_request_without_replay_gets_its_refusal_and_renews_for_the_next', async () => {
  const session = new FakeSession();
  const { client, backend } = app(session);
  const context = new HttpContext().set(ONEFLIGHT_NO_REPLAY, true);
  const outcome = firstValueFrom(client.post('/api/x', null, { context })).catch((error: unknown) => error);
  await settled();
  backend.expectOne('/api/x').flush(null, REFUSED);
  const error = (await outcome) as HttpErrorResponse;
  assert.deepEqual([error.status, whyNotReplayed(error)], [401, 'opted-out']);
  assert.equal(session.posts, 1);
  session.renewed();
  await settled();
  backend.expectNone('/api/x');
});

test('b10_r8_r10_a_redirected_request_that_may_have_been_carried_out_is_not_sent_again', async () => {
  /** The browser follows redirects by itself: all that is seen of one is where the refusal comes from. */
  const redirected: HttpInterceptorFn = (request, next) =>
    next(request).pipe(
      catchError(({ status, headers }: HttpErrorResponse) =>
        throwError(() => new http.HttpErrorResponse({ status, headers, url: new URL('/elsewhere', document.baseURI).href })),
      ),
    );
  for (const [method, sendings] of [['GET', 2], ['POST', 1]] as const) {
    const session = new FakeSession();
    const { client, backend } = app(session, {}, [oneflight.oneflightInterceptor, redirected]);
    const outcome = firstValueFrom(client.request(method, '/api/thing')).catch((error: HttpErrorResponse) => {
      assert.equal(whyNotReplayed(error), 'redirected');
      return error.status;
    });
    await settled();
    backend.expectOne('/api/thing').flush(null, REFUSED);
    await settled();
    session.renewed();
    await settled();
    const again = backend.match('/api/thing');
    assert.equal(1 + again.length, sendings, method);
    again.forEach((call) => call.flush('ok'));
    assert.equal(await outcome, sendings === 2 ? 'ok' : 401);
    assert.equal(session.posts, 1, 'the token is renewed for the next request');
  }
});
