// A certified OpenID provider (npm oidc-provider) on a free loopback port, strict as it comes: refresh tokens of public
// clients rotate, and using one twice ends the grant. Around it: counters, faults, and expiry on command.
//
// node provider.mjs [--access-token-seconds N] [--grace-seconds N] [--no-rotation]
//
// It knows no grace; with --grace-seconds the adapter keeps to itself for so long that a refresh token was consumed.
//
// Prints one line of JSON when ready: {"issuer": …, "control": …}. Ends when its standard input ends.
//
// Control (a server of its own, JSON in and out):
//   GET  /counters            what the token, userinfo and revocation endpoints saw
//   POST /expire              every access token expires now
//   POST /grants              a sign-in without its pages: {"refresh_token": …}
//   POST /faults [{…}]        what the next token requests meet: {"kind": "lose"} the answer is lost after the provider
//                             processed the request; {"kind": "status", "status": 502, "body": …, "headers": {…}}
//                             the provider never sees it; {"kind": "hold"} it is processed when released
//   GET  /held                answers once a request is held
//   POST /release             lets it go on

import { createServer } from 'node:http';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import Provider from 'oidc-provider';

const { values } = parseArgs({
  options: {
    'access-token-seconds': { type: 'string', default: '3600' },
    'grace-seconds': { type: 'string', default: '0' },
    'no-rotation': { type: 'boolean', default: false },
  },
});
const graceMillis = Number(values['grace-seconds']) * 1000;
const consumedAt = new Map();
const records = new Map();
const counters = {
  token_posts: 0, refresh_posts: 0, refreshed: 0, invalid_grant: 0,
  userinfo_ok: 0, userinfo_refused: 0, revocations: 0, grants_revoked: 0,
};

// The bundled memory adapter is an LRU of 1,000 entries: under load it forgets live refresh tokens.
class MapAdapter {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { records.set(this.key(id), payload); }
  async find(id) {
    const payload = records.get(this.key(id));
    const since = Date.now() - (consumedAt.get(this.key(id)) ?? 0);
    return payload?.consumed && since < graceMillis ? { ...payload, consumed: undefined } : payload;
  }
  async findByUid(uid) { return this.only((payload) => payload.uid === uid); }
  async findByUserCode(userCode) { return this.only((payload) => payload.userCode === userCode); }
  async consume(id) {
    records.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
    if (!consumedAt.has(this.key(id))) consumedAt.set(this.key(id), Date.now());
  }
  async destroy(id) { records.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of records) if (payload.grantId === grantId) records.delete(key);
  }
  only(wanted) {
    for (const [key, payload] of records) if (key.startsWith(`${this.model}:`) && wanted(payload)) return payload;
    return undefined;
  }
}

const faults = [];
let held;

function holdUntilReleased() {
  return new Promise((release) => {
    held = { release };
    waitingForHeld.splice(0).forEach((tell) => tell());
  });
}
const waitingForHeld = [];

async function tokenRequest(ctx, next) {
  counters.token_posts += 1;
  const fault = faults.shift();
  if (fault?.kind === 'status') {
    ctx.status = fault.status;
    ctx.set(fault.headers ?? {});
    ctx.body = fault.body ?? '';
    return;
  }
  if (fault?.kind === 'hold') await holdUntilReleased();
  await next();
  if (ctx.oidc?.params?.grant_type === 'refresh_token') {
    counters.refresh_posts += 1;
    if (ctx.status === 200) counters.refreshed += 1;
    if (ctx.body?.error === 'invalid_grant') counters.invalid_grant += 1;
  }
  if (fault?.kind === 'lose') {
    ctx.respond = false;
    ctx.req.socket.destroy();
  }
}

function countOthers(ctx) {
  if (ctx.path === '/me') counters[ctx.status === 200 ? 'userinfo_ok' : 'userinfo_refused'] += 1;
  if (ctx.path === '/token/revocation') counters.revocations += 1;
}

const server = createServer((request, response) => callback(request, response));
// As it comes, more than 511 connections at once are too many, and some are reset.
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: MapAdapter,
  clients: [{
    client_id: 'oneflight-test',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }, {
    client_id: 'oneflight-device',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types: [],
  }, {
    client_id: 'oneflight-secret',
    client_secret: 'the-secret-of-oneflight-secret',
    application_type: 'native',
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  features: { devInteractions: { enabled: true }, revocation: { enabled: true }, deviceFlow: { enabled: true } },
  rotateRefreshToken: !values['no-rotation'],
  // Pages of this machine may call the token and the revocation endpoint.
  clientBasedCORS: (ctx, origin) => new URL(origin).hostname === '127.0.0.1',
  ttl: { AccessToken: Number(values['access-token-seconds']), RefreshToken: 86_400, Grant: 86_400, Session: 86_400, Interaction: 600 },
});
provider.on('grant.revoked', () => { counters.grants_revoked += 1; });
provider.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path === '/token') return tokenRequest(ctx, next);
  await next();
  // It says nothing, which means 5 s (RFC 8628 §3.2): tests are in a hurry.
  if (ctx.path === '/device/auth' && ctx.status === 200) ctx.body.interval = 1;
  return countOthers(ctx);
});
const callback = provider.callback();

// What the pages would leave behind.
async function signIn() {
  const client = await provider.Client.find('oneflight-test');
  const grant = new provider.Grant({ accountId: 'user', clientId: client.clientId });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId: 'user', client, grantId, gty: 'authorization_code', scope: 'openid offline_access',
  });
  return { refresh_token: await token.save() };
}

const actions = {
  'GET /counters': async () => counters,
  'POST /expire': async () => {
    let expired = 0;
    for (const [key, payload] of records) {
      if (key.startsWith('AccessToken:')) { payload.exp = 1; expired += 1; }
    }
    return { expired };
  },
  'POST /grants': signIn,
  'POST /faults': async (body) => { faults.push(...body); return { queued: faults.length }; },
  'GET /held': async () => {
    if (!held) await new Promise((tell) => { waitingForHeld.push(tell); });
    return { held: true };
  },
  'POST /release': async () => { held?.release(); held = undefined; return {}; },
};

const control = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const action = actions[`${request.method} ${request.url}`];
  response.statusCode = action ? 200 : 404;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(action ? await action(text ? JSON.parse(text) : undefined) : {}));
});
control.listen(0, '127.0.0.1');
await once(control, 'listening');

console.log(JSON.stringify({ issuer, control: `http://127.0.0.1:${control.address().port}` }));
// Whoever started this reads one line and no more; the provider's own notices must not end it.
process.stdout.on('error', () => {});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
