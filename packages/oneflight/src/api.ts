/**
 * What this package offers, as types. The decisions are made by the Rust core (WASM); what is here is what a page sees.
 */

/** Where the grant is kept, and so who shares it. */
export type Storage =
  /** This page alone; gone with it. The default. */
  | 'memory'
  /** This tab (`sessionStorage`): lives on over a reload. A copy of the tab is detected, and starts signed out. */
  | 'session'
  /** Every page of this origin (IndexedDB): the tabs share one grant, and refresh it once. */
  | 'local'
  /** Your own. */
  | RecordStore;

/** A store of your own: one record, opaque, replaced by compare-and-swap. */
export interface RecordStore {
  /** What is stored now, or `null`. Rejects if it cannot be said. */
  load(): Promise<StoredRecord | null>;
  /**
   * Replaces the record if its version is still `expected` (`null`: if there is none), and resolves with the new
   * version, or with `null` if another version stands there. Rejects if it cannot be said whether it was written.
   */
  swap(expected: string | null, record: string): Promise<string | null>;
  /** Runs `work` while no other holder of the grant does; without it, one lock per origin and `key` is used. */
  lock?<T>(work: (signal: AbortSignal) => Promise<T>, options: { signal: AbortSignal }): Promise<T>;
  /** Calls `changed` when another holder wrote; returns how to stop that. A hint: nothing breaks if it is missed. */
  subscribe?(changed: () => void): () => void;
}

/** A record, and the version it is replaced by. */
export interface StoredRecord {
  version: string;
  record: string;
}

/** Tokens from a sign-in of your own: the fields of a token response (RFC 6749 §5.1), or the JSON of your back end. */
export interface Tokens {
  accessToken: string;
  /** Missing with a refresh by cookie. */
  refreshToken?: string;
  /** Seconds from now. Missing: only a refusal will tell. */
  expiresIn?: number;
  idToken?: string;
  scope?: string;
}

/** What a refresh of your own is given. */
export interface RefreshInput {
  /** `undefined` with a refresh by cookie. */
  refreshToken: string | undefined;
  /** Aborted at the deadline. A page that is left does not abort it. */
  signal: AbortSignal;
}

/** What there is to set whichever way tokens are refreshed. */
export interface CommonOptions {
  /**
   * Origins that get the token: `'https://api.example.com'`. Compared as parsed. Required, never empty; `'self'` is the
   * page's own origin.
   */
  origins: readonly string[];
  /** Default `'memory'`. */
  storage?: Storage;
  /** Tells several sessions of one origin apart. Default `'default'`. */
  key?: string;
  /**
   * `'on-use'` (default): renewed by the first request past `renewAt`. `'keep-fresh'`: by a timer, too, while the page is
   * visible. `'off'`: only when it has expired or was refused.
   */
  renew?: 'on-use' | 'keep-fresh' | 'off';
  /** The part of a token's lifetime after which it is renewed, 0 to 1. Default 0.75. */
  renewAt?: number;
  /** Milliseconds for the refresh request. Default 10,000. */
  requestDeadline?: number;
  /** Milliseconds to wait for the lock before it is taken by force. Default 15,000. */
  lockDeadline?: number;
  /** What a failed renewal does to a refused request: `'error'` (default) rejects, `'response'` hands the 401 back. */
  onFailure?: 'error' | 'response';
  /**
   * How the server treats a refresh token that was spent already. `'unknown'` (default), `'grace'` (accepted for a
   * while) and `'static'` (never replaced): after a lost answer it is presented again, once. `'strict'`: a second use ends
   * the session, so it is not presented again while the access token lives.
   */
  profile?: 'unknown' | 'strict' | 'grace' | 'static';
  /** Where the WASM is; default: beside this module. A URL, a response, bytes or a compiled module. */
  wasm?: string | URL | Response | Promise<Response> | BufferSource | WebAssembly.Module;
  /** Used for everything instead of `globalThis.fetch`, e.g. one that adds tracing. */
  fetch?: typeof fetch;
  /**
   * `sharedWorker()` of `oneflight/worker`: the refresh request runs in a shared worker that outlives a reload of the only
   * tab, where the browser has that (Chromium). For `storage: 'local'`, and not for a `refresh` of your own.
   */
  worker?: RefreshWorker;
}

/** Sends refreshes in place of the page. See `oneflight/worker`. */
export interface RefreshWorker {
  /** As the global one. */
  readonly fetch: typeof fetch;
  /** What the last answer held is stored: it may be forgotten. */
  kept(): void;
}

/** OAuth 2: `grant_type=refresh_token` as a form (RFC 6749 §6), as a public client. */
export interface OAuthOptions extends CommonOptions {
  tokenEndpoint: string | URL;
  clientId: string;
  /** RFC 7009; used by `signOut()`. */
  revocationEndpoint?: string | URL;
  /** More form fields, e.g. `{ resource: '…' }`. */
  extra?: Readonly<Record<string, string>>;
}

/** A JSON endpoint: `POST {"refreshToken": "…"}` → `{"accessToken", "refreshToken", "expiresIn"}`. */
export interface JsonOptions extends CommonOptions {
  refreshUrl: string | URL;
  /** Told by `POST` on `signOut()`. */
  signOutUrl?: string | URL;
  /** `'include'`: the refresh token is a cookie that the page never sees; none is sent in the body. */
  credentials?: RequestCredentials;
  /** The names of the fields, where they differ. */
  names?: Partial<Record<'refreshToken' | 'accessToken' | 'expiresIn' | 'idToken' | 'scope', string>>;
  /** More headers, e.g. against request forgery. */
  headers?: Readonly<Record<string, string>>;
}

/** Your own function. It throws `RefreshRejected` if the grant is dead; any other rejection is taken as a lost answer. */
export interface FunctionOptions extends CommonOptions {
  refresh(input: RefreshInput): Promise<Tokens>;
  /** Called once per sign-out, after it took effect here. */
  revoke?(input: RefreshInput): Promise<void>;
}

export type SessionOptions = OAuthOptions | JsonOptions | FunctionOptions;

/** What there is to say about the session. */
export type Status = 'unknown' | 'never-signed-in' | 'signed-in' | 'signed-out';

/** Why the session ended. */
export type EndReason =
  /** The application signed out, here or in another tab. */
  | 'sign-out'
  /** The server no longer accepts the refresh token. */
  | 'rejected'
  /** The same, after an answer was lost: the server may have taken the second try for a replay. */
  | 'replay-detected'
  /** The record was removed from the storage. */
  | 'removed'
  /** The access token has run out, and no refresh token came with it. */
  | 'expired'
  /** This tab is a copy of another one, which keeps the session. */
  | 'copied'
  | 'unknown';

/** Who shares the grant with this page, as it turned out. */
export type Sharing =
  /** The storage is not shared. */
  | 'alone'
  /** By Web Locks. */
  | 'locks'
  /** By a lease in IndexedDB: no Web Locks here. */
  | 'lease'
  /** It should be shared, but storage is denied: this page stands alone. */
  | 'denied';

/** An immutable view; a new object whenever something changed. */
export interface Snapshot {
  readonly status: Status;
  readonly signedIn: boolean;
  /** Set while `status` is `'signed-out'`. */
  readonly reason: EndReason | undefined;
  /** When the access token ends, by the page's clock, in milliseconds since 1970; `undefined`: not known. */
  readonly expiresAt: number | undefined;
  /** Grows with every token. */
  readonly generation: number;
  readonly sharing: Sharing;
}

/** Events, by name, and their details. */
export interface SessionEventMap {
  /** The snapshot changed. */
  change: CustomEvent<Snapshot>;
  /** Tokens are there after a sign-in, here or in another tab. */
  signin: CustomEvent<{ here: boolean }>;
  /** The session is over, here or in another tab. */
  signout: CustomEvent<{ reason: EndReason; here: boolean }>;
  /** A renewal began under this page's hand. */
  refreshing: CustomEvent<{ cause: 'expired' | 'refused' | 'due' | 'opening' }>;
  /** A newer token is there; `here`: by a request of this page. */
  refreshed: CustomEvent<{ here: boolean; generation: number; waiters: number }>;
  /** A renewal failed, and the session goes on. */
  refreshfailed: CustomEvent<{ error: OneflightError }>;
  /** The storage failed to keep something. It lives on in this page, and storing it is tried again. */
  storefailed: CustomEvent<{ what: 'tokens' | 'sign-in' | 'sign-out' }>;
  /** What could not be stored is stored now. */
  storerecovered: CustomEvent<undefined>;
}

/** What can be done about an error. */
export type Action = 'sign-in' | 'retry-later' | 'fix-configuration' | 'none';

/** Kinds of failure. */
export type ErrorCode =
  | 'not-signed-in'
  | 'signed-out'
  | 'replaced'
  | 'transient'
  | 'ambiguous'
  | 'configuration'
  /** The server wants the user to interact (OpenID Connect Core §3.1.2.6). */
  | 'interaction'
  /** The refresh gave back the very token that the API refuses. */
  | 'same-token'
  | 'rejection-budget'
  | 'closed'
  | 'bad-token'
  | 'wasm-blocked'
  | 'invalid-option'
  | 'no-browser';

/** Everything that this package rejects with, but for what `fetch` itself rejects with. */
export interface OneflightError extends Error {
  readonly name: 'OneflightError';
  readonly code: ErrorCode;
  readonly action: Action;
  /** With `'signed-out'`. */
  readonly reason: EndReason | undefined;
  /** Milliseconds until another try may be worth while. */
  readonly retryAfter: number | undefined;
  /** The refusal that could not be healed, from `fetch`. */
  readonly response: Response | undefined;
}

/** More than `RequestInit`, for one request. */
export interface OneflightRequestInit extends RequestInit {
  oneflight?: {
    /** Leave this request alone. */
    optOut?: boolean;
    /** Attach the token, but never send this request a second time. */
    noReplay?: boolean;
  };
}

/** A token to put on a request by other means than `fetch`, and the stamp it is known by. */
export interface Authorization {
  /** The value of the `Authorization` header. */
  readonly header: string;
  /** To be handed to `newerThan` if the API refuses it. Opaque. */
  readonly stamp: string;
}

/** A session: one grant, its tokens, and everything that wants them. */
export interface Session {
  /** As the global `fetch`, with the token, a renewal and one replay where they help. Bound: may be handed around. */
  readonly fetch: (input: RequestInfo | URL, init?: OneflightRequestInit) => Promise<Response>;
  /** An access token that is valid now; renews first if it must. Giving `signal` up never ends the renewal. */
  token(options?: { signal?: AbortSignal }): Promise<string>;
  /** As `token()`, for other HTTP clients (Angular's, axios): see `allows` and `newerThan`. */
  authorization(options?: { signal?: AbortSignal }): Promise<Authorization>;
  /** After a refusal: a newer token of the same session. Rejects if there will be none. */
  newerThan(stamp: string, options?: { signal?: AbortSignal }): Promise<Authorization>;
  /** Whether the token may be sent there: the URL's parsed origin is one of `origins`. */
  allows(url: string | URL): boolean;
  /**
   * Whether this answer to a request with our token is a refusal that a renewal may heal: a 401 that does not say
   * otherwise (RFC 6750 §3). Pass what `WWW-Authenticate` is readable, or `null`.
   */
  isRefusal(status: number, wwwAuthenticate: string | null): boolean;
  /** Signs in. Resolves when the tokens serve; `saved`: they are stored. */
  signIn(tokens: Tokens): Promise<{ saved: boolean }>;
  /** Ends the session: here and now, in the store and at the server as soon as they can be reached. Idempotent. */
  signOut(): Promise<void>;
  /** Tries again now what waits for a later time (after a configuration was mended). */
  retryNow(): void;
  /** The newest snapshot. Never waits; `status` is `'unknown'` until the store was read. */
  readonly snapshot: Snapshot;
  readonly status: Status;
  /** Calls `listener` on every change; returns how to stop that. Fit for React's `useSyncExternalStore`. */
  subscribe(listener: () => void): () => void;
  /** Resolves when the store was read, so that `status` is known. */
  readonly ready: Promise<void>;
  addEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: (event: SessionEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: (event: SessionEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  /** Ends what this page does for the session; the grant lives on in its storage. Requests are rejected with `'closed'`. */
  close(): Promise<void>;
}

/** Makes a session. Throws `OneflightError` with `'invalid-option'` at once if an option is wrong; loads nothing by itself until used. */
export type CreateSession = (options: SessionOptions) => Session;

/** Why a refused request was not sent a second time. */
export type NotReplayed =
  /** Its body was a stream, and is gone. */
  | 'stream'
  /** `noReplay` was set. */
  | 'opted-out'
  /** A redirect had been followed, so the first server may have carried it out. */
  | 'redirected'
  /** There is no newer token, and `onFailure` is `'response'`; or the API refuses fresh tokens. */
  | 'not-renewed';
