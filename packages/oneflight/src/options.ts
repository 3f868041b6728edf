/** Checks what `createSession` is given, so that a mistake is told at once and in words. */
import type { OneflightError, RecordStore, RefreshWorker, SessionOptions } from './api.js';
import { failure } from './errors.js';
import type { Endpoint } from './endpoint.js';
import { functionEndpoint, jsonEndpoint, oauthEndpoint } from './endpoint.js';

/** Longest that a write may take, in milliseconds. */
export const SAVE_DEADLINE = 5_000;

export interface Checked {
  origins: ReadonlySet<string>;
  storage: 'memory' | 'session' | 'local' | RecordStore;
  key: string;
  renew: number;
  renewAt: number;
  requestDeadline: number;
  lockDeadline: number;
  handsBack: boolean;
  spare: boolean;
  endpoint: Endpoint;
  fetch: typeof fetch;
  worker: RefreshWorker | undefined;
  wasm: unknown;
}

const RENEW = ['on-use', 'keep-fresh', 'off'];
const PROFILES = ['unknown', 'strict', 'grace', 'static'];

function wrong(message: string): OneflightError {
  return failure('invalid-option', `createSession: ${message}`);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}

function base(): string | undefined {
  return typeof location === 'undefined' ? undefined : location.href;
}

/** A URL that a secret may be sent to: https, or this machine. */
function secure(value: string | URL, what: string): URL {
  let url;
  try {
    url = new URL(value, base());
  } catch {
    throw wrong(`${what} is not a URL: ${String(value)}`);
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw wrong(`${what} must be https, or http on this machine: ${url.origin}`);
  }
  if (url.username || url.password) throw wrong(`${what} must not hold a user name or a password`);
  return url;
}

function originsOf(values: readonly string[] | undefined): ReadonlySet<string> {
  if (!Array.isArray(values) || values.length === 0) {
    throw wrong("origins must name at least one origin that gets the token, e.g. ['https://api.example.com'] or ['self']");
  }
  return new Set(
    values.map((value: string) => {
      if (value === 'self') {
        const own = base();
        if (own === undefined) throw wrong("'self' needs a page");
        return secure(own, "the page itself, named by 'self' in origins,").origin;
      }
      let url;
      try {
        // Without a base: an origin is absolute.
        url = new URL(value);
      } catch {
        throw wrong(`this is not an origin: ${value}`);
      }
      if (url.pathname !== '/' || url.search || url.hash) {
        throw wrong(`an origin is scheme, host and port only: ${value}`);
      }
      return secure(url, 'an origin').origin;
    }),
  );
}

function millis(value: number | undefined, standard: number, what: string): number {
  if (value === undefined) return standard;
  if (!(value > 0 && value < 2 ** 31)) throw wrong(`${what} must be a number of milliseconds above 0`);
  return value;
}

function endpointOf(options: SessionOptions): Endpoint {
  const ways = ['tokenEndpoint', 'refreshUrl', 'refresh'].filter((name) => name in options);
  if (ways.length !== 1) throw wrong('give exactly one of tokenEndpoint, refreshUrl and refresh');
  if ('tokenEndpoint' in options) {
    if (!options.clientId) throw wrong('clientId is missing');
    const revocation = options.revocationEndpoint;
    return oauthEndpoint(
      secure(options.tokenEndpoint, 'tokenEndpoint'),
      options.clientId,
      revocation === undefined ? undefined : secure(revocation, 'revocationEndpoint'),
      options.extra ?? {},
    );
  }
  if ('refreshUrl' in options) {
    const signOut = options.signOutUrl;
    return jsonEndpoint(
      secure(options.refreshUrl, 'refreshUrl'),
      signOut === undefined ? undefined : secure(signOut, 'signOutUrl'),
      options,
    );
  }
  if (typeof options.refresh !== 'function') throw wrong('refresh must be a function');
  return functionEndpoint(options);
}

export function check(options: SessionOptions): Checked {
  if (!options || typeof options !== 'object') throw wrong('options are missing');
  const storage = options.storage ?? 'memory';
  const own = typeof storage === 'object' && storage !== null;
  if (own ? !storage.load || !storage.swap : !['memory', 'session', 'local'].includes(storage)) {
    throw wrong("storage must be 'memory', 'session', 'local' or an object with load and swap");
  }
  const renew = RENEW.indexOf(options.renew ?? 'on-use');
  if (renew < 0) throw wrong("renew must be 'on-use', 'keep-fresh' or 'off'");
  const renewAt = options.renewAt ?? 0.75;
  if (!(renewAt >= 0 && renewAt <= 1)) throw wrong('renewAt must be between 0 and 1');
  const profile = options.profile ?? 'unknown';
  if (!PROFILES.includes(profile)) throw wrong("profile must be 'unknown', 'strict', 'grace' or 'static'");
  const onFailure = options.onFailure ?? 'error';
  if (onFailure !== 'error' && onFailure !== 'response') throw wrong("onFailure must be 'error' or 'response'");
  if (options.worker && (storage !== 'local' || 'refresh' in options)) {
    throw wrong("worker needs storage: 'local', and a tokenEndpoint or refreshUrl");
  }
  const send = options.fetch;
  return {
    origins: originsOf(options.origins),
    storage,
    key: options.key ?? 'default',
    renew,
    renewAt,
    requestDeadline: millis(options.requestDeadline, 10_000, 'requestDeadline'),
    lockDeadline: millis(options.lockDeadline, 15_000, 'lockDeadline'),
    handsBack: onFailure === 'response',
    spare: profile === 'strict',
    endpoint: endpointOf(options),
    // Looked up late: tools that trace replace the global one.
    fetch: send ? (input, init) => send(input, init) : (input, init) => globalThis.fetch(input, init),
    worker: options.worker || undefined,
    wasm: options.wasm,
  };
}
