/** `session.fetch`: the five things that every interceptor does. */
import type { NotReplayed, OneflightRequestInit } from './api.js';
import { refuses } from './engine.js';
import { isOneflightError, withResponse } from './errors.js';
import type { Live } from './glue.js';

/** What a request needs of its session. */
export interface Tokens {
  readonly origins: ReadonlySet<string>;
  readonly handsBack: boolean;
  send(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** The token, if there is a usable one; begins the renewal that may be due. */
  current(): Live | undefined;
  usable(signal: AbortSignal | undefined): Promise<Live>;
  /** One that is not due for renewal, if it can be had; else one that is usable. */
  fresh(signal: AbortSignal | undefined): Promise<Live>;
  newer(refused: Live, signal: AbortSignal | undefined): Promise<Live>;
  renewForTheNext(refused: Live): void;
}

const marks = new WeakMap<Response, NotReplayed>();

/** Why a refused request was not sent a second time; `undefined` if it was, or if nothing was refused. */
export function whyNotReplayed(response: Response): NotReplayed | undefined {
  return marks.get(response);
}

function marked(response: Response, why: NotReplayed): Response {
  marks.set(response, why);
  return response;
}

/** A request whose every sending is the same. */
interface Tape {
  send(live: Live): Promise<Response>;
  isStream: boolean;
  signal: AbortSignal | undefined;
  method: string;
}

/** Copies what the caller may change while we wait. */
function kept(body: BodyInit | null | undefined): BodyInit | null | undefined {
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof FormData) {
    const copy = new FormData();
    for (const [name, value] of body) copy.append(name, value);
    return copy;
  }
  return body;
}

function record(tokens: Tokens, input: RequestInfo | URL, url: URL, init: RequestInit, headers: Headers | undefined): Tape {
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  let given = false;
  // Ours already; copied only for the second sending, since whoever sends may have kept the first.
  const authorized = (live: Live): HeadersInit => {
    if (!headers) return { authorization: live.header };
    const all = given ? new Headers(headers) : headers;
    given = true;
    all.set('authorization', live.header);
    return all;
  };
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
  const signal = init.signal ?? request?.signal ?? undefined;
  const isStream = typeof ReadableStream !== 'undefined' && init.body instanceof ReadableStream;
  const body = isStream ? init.body : kept(init.body);
  const settings: RequestInit = body === undefined ? { ...init } : { ...init, body: body as BodyInit | null };
  if (!request) {
    return {
      send: (live) => tokens.send(url, { ...settings, headers: authorized(live) }),
      isStream,
      signal,
      method,
    };
  }
  // Not every browser says whether a request has a body; without one, a copy costs little.
  const hasBody = init.body == null && request.body !== null && method !== 'GET' && method !== 'HEAD';
  const source = hasBody ? request.clone() : request;
  return {
    send: (live) => tokens.send(hasBody ? source.clone() : source, { ...settings, headers: authorized(live) }),
    isStream,
    signal,
    method,
  };
}

export async function intercept(
  tokens: Tokens,
  input: RequestInfo | URL,
  init: OneflightRequestInit | undefined,
): Promise<Response> {
  const { oneflight, ...rest } = init ?? {};
  const plain = () => tokens.send(input, init && rest);
  if (oneflight?.optOut) return plain();
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  const base = typeof document !== 'undefined' && document.baseURI ? document.baseURI : globalThis.location?.href;
  let url;
  try {
    url = new URL(request ? request.url : (input as string | URL), base);
  } catch {
    // fetch itself says best what is wrong with it.
    return plain();
  }
  if (!tokens.origins.has(url.origin)) return plain();
  const given = init?.headers ?? request?.headers;
  const headers = given && new Headers(given);
  if (headers?.has('authorization')) return plain();
  const tape = record(tokens, input, url, rest, headers);
  tape.signal?.throwIfAborted();
  let live = tokens.current();
  if (tape.isStream && (!live || Date.now() >= live.renewAt)) live = await tokens.fresh(tape.signal);
  live ??= await tokens.usable(tape.signal);
  const response = await tape.send(live);
  // Most are not, and reading headers costs.
  if (response.status !== 401 || !refuses(401, response.headers.get('www-authenticate'))) return response;
  return afterRefusal(tokens, tape, live, response, url, oneflight?.noReplay === true);
}

async function afterRefusal(
  tokens: Tokens,
  tape: Tape,
  live: Live,
  response: Response,
  url: URL,
  noReplay: boolean,
): Promise<Response> {
  const isSafe = tape.method === 'GET' || tape.method === 'HEAD';
  // The browser took the token off when it followed a redirect to another origin: that one refused nothing of ours.
  if (response.redirected && new URL(response.url).origin !== url.origin) return response;
  const why = tape.isStream ? 'stream' : noReplay ? 'opted-out' : response.redirected && !isSafe ? 'redirected' : undefined;
  if (why) {
    tokens.renewForTheNext(live);
    return marked(response, why);
  }
  let newer;
  try {
    newer = await tokens.newer(live, tape.signal);
  } catch (error) {
    const isPaused = isOneflightError(error) && error.code === 'rejection-budget';
    if (isPaused || (tokens.handsBack && isOneflightError(error))) return marked(response, 'not-renewed');
    throw withResponse(error, response);
  }
  // Nobody reads it: the connection is free for the next.
  void response.body?.cancel().catch(() => undefined);
  return tape.send(newer);
}
