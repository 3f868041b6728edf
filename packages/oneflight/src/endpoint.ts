/** The exchange with the token endpoint. Here it is sent and taken apart; what it means, the engine says. */
import type { FunctionOptions, JsonOptions, RefreshInput, Tokens } from './api.js';
import { RefreshRejected } from './errors.js';

/** The kinds of body that the engine knows. */
const JSON_OBJECT = 0;
const NOT_JSON = 1;
const HTML = 2;
const EMPTY = 3;
const TORN = 4;
const TOO_LARGE = 5;

const MAX_BODY_BYTES = 1_048_576;
/** The names of RFC 6749 §5, in the order of the engine. */
const RFC = ['access_token', 'refresh_token', 'token_type', 'expires_in', 'scope', 'id_token', 'error', 'error_description'];
const CAMEL = ['accessToken', 'refreshToken', 'tokenType', 'expiresIn', 'scope', 'idToken', 'error', 'message'];

export interface Reply {
  status: number;
  body: number;
  /** Milliseconds. */
  retryAfter: number | undefined;
  /** In the order of the engine. */
  members: readonly unknown[];
}

export interface Endpoint {
  /** The browser brings what renews the session: no refresh token is needed. */
  ambient: boolean;
  /** Statuses that prove the grant dead. */
  dead: readonly number[];
  refresh(send: typeof fetch, input: RefreshInput): Promise<Reply>;
  /** Undefined: it offers none. */
  revoke: ((send: typeof fetch, input: RefreshInput) => Promise<boolean>) | undefined;
}

async function textOf(response: Response): Promise<{ text: string; kind: number | undefined }> {
  const reader = response.body?.getReader();
  if (!reader) return { text: await response.text(), kind: undefined };
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text: text + decoder.decode(), kind: undefined };
      length += value.byteLength;
      if (length > MAX_BODY_BYTES) {
        void reader.cancel().catch(() => undefined);
        return { text: '', kind: TOO_LARGE };
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return { text: '', kind: TORN };
  }
}

/**
 * `Retry-After` in milliseconds. Of its dates (RFC 9110 §5.6.7) one form names no zone, which is GMT as well. What is
 * neither a number nor such a date says nothing.
 */
export function waitOf(header: string | null): number | undefined {
  if (!header) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header.endsWith('GMT') ? header : `${header} GMT`);
  return /^[A-Z].*:\d\d/i.test(header) && !Number.isNaN(at) ? Math.max(at - Date.now(), 0) : undefined;
}

async function replyOf(response: Response, names: readonly string[]): Promise<Reply> {
  // Not followed, so that no other server sees the token: a portal, or a gateway that wants its own sign-in.
  const status = response.type === 'opaqueredirect' ? 302 : response.status;
  const retryAfter = waitOf(response.headers.get('retry-after'));
  const { text, kind } = await textOf(response);
  const reply = (body: number, members: readonly unknown[] = []) => ({ status, retryAfter, body, members });
  if (kind !== undefined) return reply(kind);
  if (!text.trim()) return reply(EMPTY);
  try {
    const object: unknown = JSON.parse(text);
    if (object && typeof object === 'object' && !Array.isArray(object)) {
      const members = object as Record<string, unknown>;
      return reply(JSON_OBJECT, names.map((name) => (Object.hasOwn(members, name) ? members[name] : undefined)));
    }
  } catch {
    // Not JSON, whatever it calls itself.
  }
  const html = /html/i.test(response.headers.get('content-type') ?? '') || text.trimStart().startsWith('<');
  return reply(html ? HTML : NOT_JSON);
}

/** Redirects are not followed, nothing is cached, and nothing else of the page travels along. */
const PLAIN: RequestInit = { method: 'POST', redirect: 'manual', cache: 'no-store' };

export function oauthEndpoint(
  url: URL,
  clientId: string,
  revocation: URL | undefined,
  extra: Readonly<Record<string, string>>,
): Endpoint {
  const form = (fields: Record<string, string>): RequestInit => ({
    ...PLAIN,
    credentials: 'omit',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
  return {
    ambient: false,
    dead: [],
    refresh: async (send, { refreshToken = '', signal }) => {
      const fields = { ...extra, grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
      return replyOf(await send(url, { ...form(fields), signal }), RFC);
    },
    revoke:
      revocation &&
      (async (send, { refreshToken = '', signal }) => {
        const fields = { token: refreshToken, token_type_hint: 'refresh_token', client_id: clientId };
        // keepalive: a page that is left right after a sign-out must not take the revocation with it.
        return (await send(revocation, { ...form(fields), keepalive: true, signal })).ok;
      }),
  };
}

export function jsonEndpoint(url: URL, signOut: URL | undefined, options: JsonOptions): Endpoint {
  const { names = {}, credentials = 'same-origin', headers = {} } = options;
  const ambient = credentials === 'include';
  const post = (refreshToken: string | undefined): RequestInit => ({
    ...PLAIN,
    credentials,
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(ambient || refreshToken === undefined ? {} : { [names.refreshToken ?? 'refreshToken']: refreshToken }),
  });
  const renamed = CAMEL.map((name) => (names as Record<string, string | undefined>)[name] ?? name);
  return {
    ambient,
    // A back end of one's own says so of a dead session.
    dead: [401],
    refresh: async (send, { refreshToken, signal }) => replyOf(await send(url, { ...post(refreshToken), signal }), renamed),
    revoke:
      signOut &&
      (async (send, { refreshToken, signal }) => (await send(signOut, { ...post(refreshToken), keepalive: true, signal })).ok),
  };
}

export function functionEndpoint(options: FunctionOptions): Endpoint {
  const revoke = options.revoke;
  return {
    ambient: true,
    dead: [],
    refresh: async (_send, input) => {
      try {
        const tokens: Tokens = await options.refresh(input);
        const { accessToken, refreshToken, expiresIn, scope, idToken } = tokens ?? {};
        const members = [accessToken, refreshToken, undefined, expiresIn, scope, idToken];
        return { status: 200, body: JSON_OBJECT, retryAfter: undefined, members };
      } catch (error) {
        if (!(error instanceof RefreshRejected)) throw error;
        const members = [undefined, undefined, undefined, undefined, undefined, undefined, 'invalid_grant'];
        return { status: 400, body: JSON_OBJECT, retryAfter: undefined, members };
      }
    },
    revoke:
      revoke &&
      (async (_send, input) => {
        await revoke(input);
        return true;
      }),
  };
}
