import { TestBed, app, changeDetection, http, oneflight, settled } from './setup.js';
import { zoned } from './page.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeSession } from './fake-session.js';

const core = await import('@angular/core');
const router = await import('@angular/router');
const { Oneflight, defineOneflight, signedInGuard } = oneflight;

/** The page everybody sees. */
class Page {}
core.Component({ selector: 'test-page', template: '' })(Page);

/** Shows what the signals say. */
class Badge {
  readonly oneflight = core.inject(Oneflight);
}
core.Component({ selector: 'test-badge', template: '{{ oneflight.signedIn() ? "in" : "out" }} {{ oneflight.status() }}' })(Badge);

test('b10_a_template_follows_the_signals_without_being_told', async () => {
  const session = new FakeSession('never-signed-in');
  app(session);
  const fixture = TestBed.createComponent(Badge);
  fixture.autoDetectChanges();
  await fixture.whenStable();
  const text = () => (fixture.nativeElement as HTMLElement).textContent;
  assert.equal(text(), 'out never-signed-in');
  session.become('signed-in');
  await fixture.whenStable();
  assert.equal(text(), 'in signed-in');
});

test('b10_events_arrive_in_the_zone_and_end_with_the_application', () => {
  const session = new FakeSession();
  app(session);
  const heard: unknown[] = [];
  let inZone = false;
  let ended = false;
  TestBed.inject(Oneflight).on('signout').subscribe({
    next: (detail) => {
      heard.push(detail);
      inZone = core.NgZone.isInAngularZone();
    },
    complete: () => (ended = true),
  });
  const detail = { reason: 'rejected', here: false } as const;
  session.emit('signout', detail);
  assert.deepEqual(heard, [detail]);
  assert.equal(inZone, zoned);
  TestBed.resetTestingModule();
  session.emit('signout', detail);
  assert.ok(ended);
  assert.equal(heard.length, 1);
  assert.equal(session.subscribers, 0);
  assert.equal(session.closed, false);
});

const routes = () => [
  router.provideRouter([
    { path: 'login', component: Page },
    { path: 'home', component: Page, canActivate: [signedInGuard] },
  ]),
];

test('b10_the_guard_waits_until_it_is_known_who_is_signed_in', async () => {
  const session = new FakeSession('unknown', false);
  app(session, {}, [], routes());
  const navigation = TestBed.inject(router.Router).navigateByUrl('/home');
  await settled();
  assert.equal(TestBed.inject(router.Router).url, '/');
  session.open('signed-in');
  assert.equal(await navigation, true);
  assert.equal(TestBed.inject(router.Router).url, '/home');
});

test('b10_the_guard_sends_to_the_sign_in_route_with_the_way_back', async () => {
  for (const [options, expected] of [
    [{}, '/login?returnTo=%2Fhome%3Fq%3D1'],
    [{ returnTo: null }, '/login'],
  ] as const) {
    app(new FakeSession('signed-out'), options, [], routes());
    await TestBed.inject(router.Router).navigateByUrl('/home?q=1');
    assert.equal(TestBed.inject(router.Router).url, expected);
  }
});

test('b10_two_sessions_side_by_side_do_not_disturb_each_other', async () => {
  const partner = defineOneflight('partner');
  const [ours, theirs] = [new FakeSession(), new FakeSession()];
  theirs.generation = 7;
  theirs.allows = (url) => new URL(url).origin === 'https://partner.example';
  const { client, backend } = app(ours, {}, [oneflight.oneflightInterceptor, partner.interceptor], [
    partner.provide(() => theirs),
  ]);
  client.get('/api/a').subscribe();
  client.get('https://partner.example/b').subscribe({ error: () => undefined });
  await settled();
  assert.equal(backend.expectOne('/api/a').request.headers.get('Authorization'), 'Bearer token-1');
  const other = backend.expectOne('https://partner.example/b');
  assert.equal(other.request.headers.get('Authorization'), 'Bearer token-7');
  other.flush(null, { status: 401, statusText: 'Unauthorized' });
  await settled();
  assert.deepEqual([ours.posts, theirs.posts], [0, 1]);
  assert.notEqual(TestBed.inject(partner.token), TestBed.inject(Oneflight));
  TestBed.resetTestingModule();
  assert.equal(theirs.subscribers, 0);
});

test('b10_on_a_server_no_session_is_made_and_requests_pass_as_they_are', async () => {
  let made = 0;
  const { provideHttpClientTesting, HttpTestingController } = await import('@angular/common/http/testing');
  TestBed.resetTestingModule();
  TestBed.configureTestingModule({
    providers: [
      changeDetection(),
      { provide: core.PLATFORM_ID, useValue: 'server' },
      oneflight.provideOneflight(() => {
        made += 1;
        return new FakeSession();
      }),
      http.provideHttpClient(http.withInterceptors([oneflight.oneflightInterceptor])),
      provideHttpClientTesting(),
      routes(),
    ],
  });
  TestBed.inject(http.HttpClient).get('/api/a').subscribe();
  const sent = TestBed.inject(HttpTestingController).expectOne('/api/a');
  assert.equal(sent.request.headers.has('Authorization'), false);
  const service = TestBed.inject(Oneflight);
  assert.deepEqual([service.status(), service.signedIn(), service.session], ['unknown', false, null]);
  await assert.rejects(service.token(), { name: 'OneflightError', code: 'no-browser' });
  assert.equal(await TestBed.inject(router.Router).navigateByUrl('/home'), true);
  assert.equal(made, 0);
});
