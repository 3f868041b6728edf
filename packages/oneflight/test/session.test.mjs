// The package in Node, which has all that it needs but a page: the built WASM, a server that counts, no browser.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

const wasm = WebAssembly.compile(await readFile(new URL('../dist/oneflight.wasm', import.meta.url)));
const onServer = await import('../dist/index.js').then(({ createSession }) => createSession({}));
globalThis.document = new EventTarget();
const { createSession, RefreshRejected, whyNotReplayed, isOneflightError } = await import('../dist/index.js');

let posts = 0;
let requests = 0;
let valid = 'access-0';
let answer;
const bodies = [];
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (request.url === '/refresh') {
    posts += 1;
    const [status, json] = answer ? answer(body) : rotate(body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  } else {
    requests += 1;
    bodies.push(body);
    const granted = request.headers.authorization === `Bearer ${valid}`;
    response.writeHead(granted ? 200 : 401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(body);
  }
});

function rotate(body) {
  const { refreshToken } = JSON.parse(body);
  if (refreshToken !== valid.replace('access', 'refresh')) return [400, { error: 'invalid_grant' }];
  const next = Number(valid.split('-')[1]) + 1;
  valid = `access-${next}`;
  return [200, { accessToken: valid, refreshToken: `refresh-${next}`, expiresIn: 900 }];
}

let origin;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

function fresh(options = {}) {
  posts = 0;
  requests = 0;
  bodies.length = 0;
  valid = 'access-0';
  answer = undefined;
  return createSession({ refreshUrl: `${origin}/refresh`, origins: [origin], wasm, ...options });
}

const signedIn = async (options, tokens) => {
  const session = fresh(options);
  await session.signIn({ accessToken: 'access-0', refreshToken: 'refresh-0', expiresIn: 900, ...tokens });
  return session;
};

test('s1_fifty_parallel_refusals_make_one_refresh_and_all_succeed', async () => {
  const session = await signedIn();
  valid = 'access-0';
  const stale = await session.authorization();
  assert.equal(stale.header, 'Bearer access-0');
  answer = (body) => {
    answer = undefined;
    return rotate(body);
  };
  // The API no longer takes the token, which has not expired.
  valid = 'access-0x';
  const refuse = valid;
  answer = () => {
    valid = 'access-1';
    return [200, { accessToken: 'access-1', refreshToken: 'refresh-1', expiresIn: 900 }];
  };
  assert.notEqual(refuse, 'access-0');
  const responses = await Promise.all(Array.from({ length: 50 }, () => session.fetch(`${origin}/api`)));
  assert.deepEqual([...new Set(responses.map(({ status }) => status))], [200]);
  assert.equal(posts, 1);
  assert.ok(requests <= 100);
  assert.equal(session.snapshot.generation > 0, true);
  await session.close();
});

test('s4_fifty_requests_with_an_expired_token_wait_for_one_refresh_and_are_sent_once', async () => {
  let now = Date.now();
  const clock = Date.now;
  Date.now = () => now;
  try {
    const session = await signedIn({}, { expiresIn: 60 });
    now += 120_000;
    const responses = await Promise.all(Array.from({ length: 50 }, () => session.fetch(`${origin}/api`)));
    assert.deepEqual([...new Set(responses.map(({ status }) => status))], [200]);
    assert.equal(posts, 1);
    assert.equal(requests, 50);
    await session.close();
  } finally {
    Date.now = clock;
  }
});

test('b7_bodies_are_replayed_but_for_streams_which_are_handed_back_and_marked', async () => {
  const session = await signedIn();
  valid = 'access-9';
  answer = () => [200, { accessToken: 'access-9', refreshToken: 'r', expiresIn: 900 }];
  const stream = new Blob(['streamed']).stream();
  const refused = await session.fetch(`${origin}/api`, { method: 'POST', body: stream, duplex: 'half' });
  assert.equal(refused.status, 401);
  assert.equal(whyNotReplayed(refused), 'stream');
  await session.token();

  const again = await signedIn();
  valid = 'access-9';
  answer = () => [200, { accessToken: 'access-9', refreshToken: 'r', expiresIn: 900 }];
  const request = new Request(`${origin}/api`, { method: 'POST', body: 'hello' });
  assert.equal(await (await again.fetch(request)).text(), 'hello');
  assert.deepEqual(bodies, ['hello', 'hello']);
  await session.close();
  await again.close();
});

test('o1_other_origins_and_requests_with_credentials_of_their_own_are_left_alone', async () => {
  const session = await signedIn();
  assert.equal(session.allows(`${origin}/x`), true);
  assert.equal(session.allows(`${origin}.evil.example/`), false);
  const own = await session.fetch(`${origin}/api`, { headers: { authorization: 'Bearer mine' } });
  assert.equal(own.status, 401);
  assert.equal(posts, 0);
  await session.close();
});

test('f10_a_refresh_that_is_refused_ends_the_session_once_with_a_typed_error', async () => {
  const session = await signedIn();
  const reasons = [];
  session.addEventListener('signout', ({ detail }) => reasons.push(detail.reason));
  valid = 'access-9';
  answer = () => [400, { error: 'invalid_grant' }];
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => session.fetch(`${origin}/api`)));
  for (const { reason } of results) {
    assert.equal(isOneflightError(reason), true);
    assert.equal(reason.code, 'signed-out');
    assert.equal(reason.action, 'sign-in');
    assert.equal(reason.response.status, 401);
  }
  assert.deepEqual(reasons, ['rejected']);
  assert.equal(session.status, 'signed-out');
  await session.close();
});

test('l6_never_signed_in_and_signed_out_are_told_apart_before_anything_is_sent', async () => {
  const session = fresh();
  await assert.rejects(session.token(), { code: 'not-signed-in' });
  await session.signIn({ accessToken: 'access-0', refreshToken: 'refresh-0' });
  await session.signOut();
  await assert.rejects(session.token(), { code: 'signed-out', reason: 'sign-out' });
  assert.equal(requests + posts, 0);
  await session.close();
  await assert.rejects(session.fetch(`${origin}/api`), { code: 'closed' });
});

test('s5_giving_up_a_wait_leaves_the_refresh_alone', async () => {
  const session = await signedIn({ refreshUrl: undefined }).catch((error) => error);
  assert.equal(session.code, 'invalid-option');
  let release;
  const gate = new Promise((resolve) => {
    release = resolve;
  });
  const { refreshUrl: _, ...rest } = { refreshUrl: 0, origins: [origin], wasm };
  let calls = 0;
  const own = createSession({
    ...rest,
    refresh: async () => {
      calls += 1;
      await gate;
      return { accessToken: 'new', refreshToken: 'newer', expiresIn: 900 };
    },
  });
  await own.signIn({ accessToken: 'old', refreshToken: 'older', expiresIn: 900 });
  const { stamp } = await own.authorization();
  const abort = new AbortController();
  const first = own.newerThan(stamp, { signal: abort.signal });
  const second = own.newerThan(stamp);
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  release();
  assert.equal((await second).header, 'Bearer new');
  assert.equal(calls, 1);
  await own.close();
});

test('f1_a_refresh_function_says_that_the_grant_is_dead_by_RefreshRejected', async () => {
  const session = createSession({
    origins: [origin],
    wasm,
    refresh: () => Promise.reject(new RefreshRejected('gone')),
  });
  await session.signIn({ accessToken: 'old', refreshToken: 'older' });
  const { stamp } = await session.authorization();
  await assert.rejects(session.newerThan(stamp), { code: 'signed-out', reason: 'rejected' });
  await session.close();
});

test('on_a_server_everything_rejects_and_nothing_breaks', async () => {
  assert.equal(onServer.status, 'unknown');
  await assert.rejects(onServer.token(), { code: 'no-browser' });
});

test('wrong_options_are_told_at_once', () => {
  const base = { origins: ['https://api.example'], refreshUrl: 'https://api.example/refresh' };
  const wrong = [
    { ...base, origins: [] },
    { ...base, origins: ['https://api.example/path'] },
    { ...base, origins: ['http://api.example'] },
    { ...base, refreshUrl: 'http://api.example/refresh' },
    { ...base, refreshUrl: undefined, tokenEndpoint: 'https://as.example/token' },
    { ...base, storage: 'disk' },
    { ...base, renewAt: 2 },
    { ...base, lockDeadline: 0 },
    { origins: base.origins },
  ];
  for (const options of wrong) assert.throws(() => createSession(options), { code: 'invalid-option' });
});

test('f4_retry_after_is_read_in_seconds_and_in_the_three_forms_of_a_date', async () => {
  const { waitOf } = await import('../dist/endpoint.js');
  const at = Date.UTC(2037, 10, 6, 8, 49, 37);
  for (const date of ['Fri, 06 Nov 2037 08:49:37 GMT', 'Friday, 06-Nov-37 08:49:37 GMT', 'Fri Nov  6 08:49:37 2037']) {
    const off = Math.abs(waitOf(date) - (at - Date.now()));
    assert.ok(off < 1_000, `${date} is off by ${off} ms`);
  }
  assert.equal(waitOf('120'), 120_000);
  assert.equal(waitOf('Sun, 06 Nov 1994 08:49:37 GMT'), 0);
  for (const nothing of [null, '', 'soon', '-5', '1.5', 'Nov 6', '120 s']) assert.equal(waitOf(nothing), undefined, nothing);
});

test('o4_what_is_no_stamp_or_no_token_is_refused_and_harms_nothing', async () => {
  const session = createSession({ origins: [origin], wasm, refresh: async () => ({ accessToken: 'new' }) });
  await assert.rejects(session.newerThan('nonsense'), { code: 'invalid-option' });
  await assert.rejects(session.signIn({ accessToken: 'a\r\nb' }), { code: 'bad-token' });
  await assert.rejects(session.signIn({ accessToken: 'good', refreshToken: '' }), { code: 'bad-token' });
  await session.signIn({ accessToken: 'good', expiresIn: 60, scope: 'read' });
  assert.equal(await session.token(), 'good');
  await session.close();
});
