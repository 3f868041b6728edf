// Made from packages/oneflight by `cargo xtask npm`: do not edit. It is what `Session` of this crate runs in pages.

// src/errors.ts
var ACTIONS = {
  "not-signed-in": "sign-in",
  "signed-out": "sign-in",
  interaction: "sign-in",
  transient: "retry-later",
  ambiguous: "retry-later",
  "rejection-budget": "retry-later",
  configuration: "fix-configuration",
  "same-token": "fix-configuration",
  "bad-token": "fix-configuration",
  "wasm-blocked": "fix-configuration",
  "invalid-option": "fix-configuration"
};
var Failure = class extends Error {
  constructor(code, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.code = code;
    this.action = ACTIONS[code] ?? "none";
    this.reason = details.reason;
    this.retryAfter = details.retryAfter;
    this.response = details.response;
  }
  code;
  name = "OneflightError";
  action;
  reason;
  retryAfter;
  response;
};
function failure(code, message, details) {
  return new Failure(code, message, details);
}
function withResponse(error, response) {
  if (!(error instanceof Failure)) return error;
  const { code, message, reason, retryAfter } = error;
  return failure(code, message, { reason, retryAfter, response, cause: error });
}
function isOneflightError(error) {
  return error instanceof Failure;
}
var RefreshRejected = class extends Error {
  name = "RefreshRejected";
};

// src/endpoint.ts
var JSON_OBJECT = 0;
var NOT_JSON = 1;
var HTML = 2;
var EMPTY = 3;
var TORN = 4;
var TOO_LARGE = 5;
var MAX_BODY_BYTES = 1048576;
var RFC = ["access_token", "refresh_token", "token_type", "expires_in", "scope", "id_token", "error", "error_description"];
var CAMEL = ["accessToken", "refreshToken", "tokenType", "expiresIn", "scope", "idToken", "error", "message"];
async function textOf(response) {
  const reader = response.body?.getReader();
  if (!reader) return { text: await response.text(), kind: void 0 };
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  try {
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done) return { text: text + decoder.decode(), kind: void 0 };
      length += value.byteLength;
      if (length > MAX_BODY_BYTES) {
        void reader.cancel().catch(() => void 0);
        return { text: "", kind: TOO_LARGE };
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return { text: "", kind: TORN };
  }
}
function waitOf(header) {
  if (!header) return void 0;
  if (/^\d+$/.test(header)) return Number(header) * 1e3;
  const at = Date.parse(header.endsWith("GMT") ? header : `${header} GMT`);
  return /^[A-Z].*:\d\d/i.test(header) && !Number.isNaN(at) ? Math.max(at - Date.now(), 0) : void 0;
}
async function replyOf(response, names) {
  const status = response.type === "opaqueredirect" ? 302 : response.status;
  const retryAfter = waitOf(response.headers.get("retry-after"));
  const { text, kind } = await textOf(response);
  const reply = (body, members = []) => ({ status, retryAfter, body, members });
  if (kind !== void 0) return reply(kind);
  if (!text.trim()) return reply(EMPTY);
  try {
    const object = JSON.parse(text);
    if (object && typeof object === "object" && !Array.isArray(object)) {
      const members = object;
      return reply(JSON_OBJECT, names.map((name) => Object.hasOwn(members, name) ? members[name] : void 0));
    }
  } catch {
  }
  const html = /html/i.test(response.headers.get("content-type") ?? "") || text.trimStart().startsWith("<");
  return reply(html ? HTML : NOT_JSON);
}
var PLAIN = { method: "POST", redirect: "manual", cache: "no-store" };
function oauthEndpoint(url, clientId, revocation, extra) {
  const form = (fields) => ({
    ...PLAIN,
    credentials: "omit",
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString()
  });
  return {
    ambient: false,
    dead: [],
    refresh: async (send2, { refreshToken = "", signal }) => {
      const fields = { ...extra, grant_type: "refresh_token", refresh_token: refreshToken, client_id: clientId };
      return replyOf(await send2(url, { ...form(fields), signal }), RFC);
    },
    revoke: revocation && (async (send2, { refreshToken = "", signal }) => {
      const fields = { token: refreshToken, token_type_hint: "refresh_token", client_id: clientId };
      return (await send2(revocation, { ...form(fields), keepalive: true, signal })).ok;
    })
  };
}
function jsonEndpoint(url, signOut, options) {
  const { names = {}, credentials = "same-origin", headers = {} } = options;
  const ambient = credentials === "include";
  const post = (refreshToken) => ({
    ...PLAIN,
    credentials,
    headers: { accept: "application/json", "content-type": "application/json", ...headers },
    body: JSON.stringify(ambient || refreshToken === void 0 ? {} : { [names.refreshToken ?? "refreshToken"]: refreshToken })
  });
  const renamed = CAMEL.map((name) => names[name] ?? name);
  return {
    ambient,
    // A back end of one's own says so of a dead session.
    dead: [401],
    refresh: async (send2, { refreshToken, signal }) => replyOf(await send2(url, { ...post(refreshToken), signal }), renamed),
    revoke: signOut && (async (send2, { refreshToken, signal }) => (await send2(signOut, { ...post(refreshToken), keepalive: true, signal })).ok)
  };
}
function functionEndpoint(options) {
  const revoke = options.revoke;
  return {
    ambient: true,
    dead: [],
    refresh: async (_send, input) => {
      try {
        const tokens = await options.refresh(input);
        const { accessToken, refreshToken, expiresIn, scope, idToken } = tokens ?? {};
        const members = [accessToken, refreshToken, void 0, expiresIn, scope, idToken];
        return { status: 200, body: JSON_OBJECT, retryAfter: void 0, members };
      } catch (error) {
        if (!(error instanceof RefreshRejected)) throw error;
        const members = [void 0, void 0, void 0, void 0, void 0, void 0, "invalid_grant"];
        return { status: 400, body: JSON_OBJECT, retryAfter: void 0, members };
      }
    },
    revoke: revoke && (async (_send, input) => {
      await revoke(input);
      return true;
    })
  };
}

// src/options.ts
var SAVE_DEADLINE = 5e3;
var RENEW = ["on-use", "keep-fresh", "off"];
var PROFILES = ["unknown", "strict", "grace", "static"];
function wrong(message) {
  return failure("invalid-option", `createSession: ${message}`);
}
function isLoopback(host) {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}
function base() {
  return typeof location === "undefined" ? void 0 : location.href;
}
function secure(value, what) {
  let url;
  try {
    url = new URL(value, base());
  } catch {
    throw wrong(`${what} is not a URL: ${String(value)}`);
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    throw wrong(`${what} must be https, or http on this machine: ${url.origin}`);
  }
  if (url.username || url.password) throw wrong(`${what} must not hold a user name or a password`);
  return url;
}
function originsOf(values) {
  if (!Array.isArray(values) || values.length === 0) {
    throw wrong("origins must name at least one origin that gets the token, e.g. ['https://api.example.com'] or ['self']");
  }
  return new Set(
    values.map((value) => {
      if (value === "self") {
        const own = base();
        if (own === void 0) throw wrong("'self' needs a page");
        return secure(own, "the page itself, named by 'self' in origins,").origin;
      }
      let url;
      try {
        url = new URL(value);
      } catch {
        throw wrong(`this is not an origin: ${value}`);
      }
      if (url.pathname !== "/" || url.search || url.hash) {
        throw wrong(`an origin is scheme, host and port only: ${value}`);
      }
      return secure(url, "an origin").origin;
    })
  );
}
function millis(value, standard, what) {
  if (value === void 0) return standard;
  if (!(value > 0 && value < 2 ** 31)) throw wrong(`${what} must be a number of milliseconds above 0`);
  return value;
}
function endpointOf(options) {
  const ways = ["tokenEndpoint", "refreshUrl", "refresh"].filter((name) => name in options);
  if (ways.length !== 1) throw wrong("give exactly one of tokenEndpoint, refreshUrl and refresh");
  if ("tokenEndpoint" in options) {
    if (!options.clientId) throw wrong("clientId is missing");
    const revocation = options.revocationEndpoint;
    return oauthEndpoint(
      secure(options.tokenEndpoint, "tokenEndpoint"),
      options.clientId,
      revocation === void 0 ? void 0 : secure(revocation, "revocationEndpoint"),
      options.extra ?? {}
    );
  }
  if ("refreshUrl" in options) {
    const signOut = options.signOutUrl;
    return jsonEndpoint(
      secure(options.refreshUrl, "refreshUrl"),
      signOut === void 0 ? void 0 : secure(signOut, "signOutUrl"),
      options
    );
  }
  if (typeof options.refresh !== "function") throw wrong("refresh must be a function");
  return functionEndpoint(options);
}
function check(options) {
  if (!options || typeof options !== "object") throw wrong("options are missing");
  const storage = options.storage ?? "memory";
  const own = typeof storage === "object" && storage !== null;
  if (own ? !storage.load || !storage.swap : !["memory", "session", "local"].includes(storage)) {
    throw wrong("storage must be 'memory', 'session', 'local' or an object with load and swap");
  }
  const renew = RENEW.indexOf(options.renew ?? "on-use");
  if (renew < 0) throw wrong("renew must be 'on-use', 'keep-fresh' or 'off'");
  const renewAt = options.renewAt ?? 0.75;
  if (!(renewAt >= 0 && renewAt <= 1)) throw wrong("renewAt must be between 0 and 1");
  const profile = options.profile ?? "unknown";
  if (!PROFILES.includes(profile)) throw wrong("profile must be 'unknown', 'strict', 'grace' or 'static'");
  const onFailure = options.onFailure ?? "error";
  if (onFailure !== "error" && onFailure !== "response") throw wrong("onFailure must be 'error' or 'response'");
  if (options.worker && (storage !== "local" || "refresh" in options)) {
    throw wrong("worker needs storage: 'local', and a tokenEndpoint or refreshUrl");
  }
  const send2 = options.fetch;
  return {
    origins: originsOf(options.origins),
    storage,
    key: options.key ?? "default",
    renew,
    renewAt,
    requestDeadline: millis(options.requestDeadline, 1e4, "requestDeadline"),
    lockDeadline: millis(options.lockDeadline, 15e3, "lockDeadline"),
    handsBack: onFailure === "response",
    spare: profile === "strict",
    endpoint: endpointOf(options),
    // Looked up late: tools that trace replace the global one.
    fetch: send2 ? (input, init) => send2(input, init) : (input, init) => globalThis.fetch(input, init),
    worker: options.worker || void 0,
    wasm: options.wasm
  };
}

// src/storage/store.ts
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/told.ts
var USABLE = 0;
var FRESH = 1;
var AHEAD = 2;
var SIGN_OUT = 3;
var FORGET = 4;
var RETRY_NOW = 5;
var HINT = 6;
var RELOAD = 7;
var VISIBLE = 8;
var TIMEOUT = 9;
var LEASE = 10;
var CLOSE = 11;
var LOCKED = 12;
var LOST = 13;
var REVOKED = 14;
var DEAD_STATUS = 15;
var NEWER = 16;
var SIGN_IN = 17;
var LOADED = 18;
var SAVED = 19;
var REPLIED = 20;
var RETRY_AFTER = 21;
var BODY = 22;
var TEXT = 23;
var NUMBER = 24;
var FLAG = 25;
var OBJECT = 26;
var ARRAY = 27;

// embedded/engine.ts
var module;
function embed(given) {
  module = given;
}
function embedded() {
  if (!module) throw new Error("The module did not hand itself over.");
  return module;
}
async function load() {
}
function makeEngine(glue, options) {
  const { endpoint, renew, renewAt, requestDeadline, spare } = options;
  const engine = embedded().engine(glue, newId() + newId(), endpoint.ambient, renew, renewAt, requestDeadline, SAVE_DEADLINE, !spare);
  for (const status of endpoint.dead) engine.tell(0, 0, DEAD_STATUS, 0, status);
  return engine;
}
function refuses(status, challenges) {
  return status === 401 && embedded().is_refusal(status, challenges ?? void 0);
}

// src/fetch.ts
var marks = /* @__PURE__ */ new WeakMap();
function whyNotReplayed(response) {
  return marks.get(response);
}
function marked(response, why) {
  marks.set(response, why);
  return response;
}
function kept(body) {
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
function record(tokens, input, url, init, headers) {
  const request = typeof input === "string" || input instanceof URL ? void 0 : input;
  let given = false;
  const authorized = (live) => {
    if (!headers) return { authorization: live.header };
    const all = given ? new Headers(headers) : headers;
    given = true;
    all.set("authorization", live.header);
    return all;
  };
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const signal = init.signal ?? request?.signal ?? void 0;
  const isStream = typeof ReadableStream !== "undefined" && init.body instanceof ReadableStream;
  const body = isStream ? init.body : kept(init.body);
  const settings = body === void 0 ? { ...init } : { ...init, body };
  if (!request) {
    return {
      send: (live) => tokens.send(url, { ...settings, headers: authorized(live) }),
      isStream,
      signal,
      method
    };
  }
  const hasBody = init.body == null && request.body !== null && method !== "GET" && method !== "HEAD";
  const source = hasBody ? request.clone() : request;
  return {
    send: (live) => tokens.send(hasBody ? source.clone() : source, { ...settings, headers: authorized(live) }),
    isStream,
    signal,
    method
  };
}
async function intercept(tokens, input, init) {
  const { oneflight, ...rest } = init ?? {};
  const plain = () => tokens.send(input, init && rest);
  if (oneflight?.optOut) return plain();
  const request = typeof input === "string" || input instanceof URL ? void 0 : input;
  const base2 = typeof document !== "undefined" && document.baseURI ? document.baseURI : globalThis.location?.href;
  let url;
  try {
    url = new URL(request ? request.url : input, base2);
  } catch {
    return plain();
  }
  if (!tokens.origins.has(url.origin)) return plain();
  const given = init?.headers ?? request?.headers;
  const headers = given && new Headers(given);
  if (headers?.has("authorization")) return plain();
  const tape = record(tokens, input, url, rest, headers);
  tape.signal?.throwIfAborted();
  let live = tokens.current();
  if (tape.isStream && (!live || Date.now() >= live.renewAt)) live = await tokens.fresh(tape.signal);
  live ??= await tokens.usable(tape.signal);
  const response = await tape.send(live);
  if (response.status !== 401 || !refuses(401, response.headers.get("www-authenticate"))) return response;
  return afterRefusal(tokens, tape, live, response, url, oneflight?.noReplay === true);
}
async function afterRefusal(tokens, tape, live, response, url, noReplay) {
  const isSafe = tape.method === "GET" || tape.method === "HEAD";
  if (response.redirected && new URL(response.url).origin !== url.origin) return response;
  const why = tape.isStream ? "stream" : noReplay ? "opted-out" : response.redirected && !isSafe ? "redirected" : void 0;
  if (why) {
    tokens.renewForTheNext(live);
    return marked(response, why);
  }
  let newer;
  try {
    newer = await tokens.newer(live, tape.signal);
  } catch (error) {
    const isPaused = isOneflightError(error) && error.code === "rejection-budget";
    if (isPaused || tokens.handsBack && isOneflightError(error)) return marked(response, "not-renewed");
    throw withResponse(error, response);
  }
  void response.body?.cancel().catch(() => void 0);
  return tape.send(newer);
}

// src/codes.ts
var SIGNED_IN = 1;
var ENDED = 2;
var NEVER_SIGNED_IN = 10;
var CODES = {
  3: ["transient", "The session changed again and again while a token was waited for."],
  10: ["not-signed-in", "Nobody is signed in."],
  11: ["signed-out", "The session is over."],
  12: ["signed-out", "The access token has run out, and no refresh token came with it."],
  13: ["replaced", "Another sign-in took the place of the session of this request."],
  14: ["transient", "The token could not be renewed now."],
  15: ["ambiguous", "The answer to the refresh was lost."],
  16: ["interaction", "The authorization server wants the user to sign in again."],
  17: ["configuration", "The authorization server refuses this client."],
  18: ["same-token", "The refresh gave back the very token that the API refuses."],
  19: ["rejection-budget", "The API refuses fresh tokens, so renewing is paused."],
  20: ["closed", "The session object was closed."]
};
var TRANSIENT = {
  1: "There is no connection to the token endpoint.",
  2: "The token endpoint was asked too often.",
  3: "The token endpoint is not available for now.",
  4: "A portal, proxy or firewall answered in place of the token endpoint.",
  5: "An answer was lost, and the refresh token is not presented again while the access token lives.",
  6: "Another tab failed to refresh just now.",
  7: "Another tab kept the lock for too long.",
  8: "The lock could not be taken.",
  9: "The storage could not be read.",
  10: "The storage could not be written, so no refresh was sent.",
  11: "The stored record kept changing."
};
var AMBIGUOUS = {
  1: "The token endpoint did not answer in time.",
  2: "The answer of the token endpoint ended early.",
  3: "The answer of the token endpoint is too large.",
  4: "The token endpoint failed (server_error).",
  5: "The token endpoint reported success and an error at once.",
  6: "The token endpoint reported success without a body.",
  7: "The token endpoint answered with something else than a JSON object.",
  8: "The token response holds no access token.",
  9: "The token response holds a token that is no text, or has characters that no header may carry.",
  10: "The token response holds a token that is not of type Bearer."
};
var CONFIGURATION = {
  1: "Check the client id.",
  2: "Check that the client may use refresh tokens.",
  3: "Check the scope.",
  4: "Check the resource or audience.",
  5: "Check the URL of the token endpoint, and that it allows this origin (CORS).",
  6: "The client is registered for DPoP; register it for bearer tokens."
};
var TROUBLES = [
  "Something else than a session is stored under this key.",
  "A newer version of oneflight wrote the stored session: reload the page.",
  "The stored session is damaged."
];
var REASONS = ["sign-out", "rejected", "replay-detected", "removed"];
var STATUSES = ["unknown", "never-signed-in", "signed-in"];
var FIRST_END = STATUSES.length;
var FIRST_STATUS = 1e3;
var NO_REFRESH_TOKEN = 12;
var STORE_UNREADABLE = 9;
function statusOf(code) {
  const status = STATUSES[code];
  return status ? { status, reason: void 0 } : { status: "signed-out", reason: reasonOf(code - FIRST_END) };
}
function reasonOf(code) {
  return REASONS[code] ?? "unknown";
}
function errorOf(number, detail, retryAfterMillis, text, trouble, cause) {
  const [code, message] = CODES[number] ?? ["transient", "The token could not be renewed now."];
  let more = "";
  if (code === "transient") more = TRANSIENT[detail] ?? "";
  if (code === "transient" && detail === STORE_UNREADABLE && trouble !== void 0) more += ` ${TROUBLES[trouble]}`;
  if (code === "ambiguous") {
    more = detail >= FIRST_STATUS ? `The token endpoint answered with ${detail - FIRST_STATUS}.` : AMBIGUOUS[detail] ?? "";
  }
  if (code === "configuration") more = CONFIGURATION[detail] ?? "Check the parameters of the token request.";
  const reason = code !== "signed-out" ? void 0 : number === NO_REFRESH_TOKEN ? "expired" : reasonOf(detail);
  const parts = [message, more, text ? `(${text})` : ""].filter((part) => part);
  const retryAfter = retryAfterMillis < 0 ? void 0 : retryAfterMillis;
  return failure(code, parts.join(" "), { reason, retryAfter, cause });
}

// src/page.ts
var LEAVING = 50;
var DEPARTING = 1e4;
var left = false;
var back = [];
var gone = [];
function hasPage() {
  return typeof document !== "undefined" || typeof importScripts === "function";
}
function isVisible() {
  return typeof document === "undefined" || document.visibilityState !== "hidden";
}
var watching = false;
function watchPage() {
  if (watching || typeof addEventListener !== "function") return;
  watching = true;
  addEventListener("pagehide", () => {
    left = true;
    for (const resolve of gone.splice(0)) resolve();
  });
  addEventListener("pageshow", () => {
    left = false;
    for (const resolve of back.splice(0)) resolve();
  });
}
function watchDeparture() {
  if (typeof addEventListener !== "function") return { staying: () => pause(LEAVING), over: () => void 0 };
  let departing = false;
  const note = () => {
    departing = true;
  };
  addEventListener("beforeunload", note);
  return {
    staying: async () => {
      await pause(LEAVING);
      if (departing && !left) await Promise.race([pause(DEPARTING), new Promise((resolve) => gone.push(resolve))]);
      if (left) await new Promise((resolve) => back.push(resolve));
    },
    over: () => removeEventListener("beforeunload", note)
  };
}
var pause = (millis2) => new Promise((wake) => setTimeout(wake, millis2));
function onWake(look, seen) {
  if (typeof addEventListener !== "function") return () => void 0;
  const visibility = () => {
    seen(isVisible());
    if (isVisible()) look();
  };
  const shown = (event) => {
    if (event.persisted) visibility();
  };
  addEventListener("pageshow", shown);
  addEventListener("focus", look);
  addEventListener("online", look);
  const page = typeof document === "undefined" ? void 0 : document;
  page?.addEventListener?.("visibilitychange", visibility);
  return () => {
    removeEventListener("pageshow", shown);
    removeEventListener("focus", look);
    removeEventListener("online", look);
    page?.removeEventListener?.("visibilitychange", visibility);
  };
}

// src/glue.ts
var LONGEST_TIMER = 2 ** 31 - 1;
var ERROR_OBJECT_MEMBERS = ["code", "error", "type", "message"];
var NOT_CONNECTED = 0;
var NOT_IN_TIME = 1;
var UNKNOWN = 2;
var DONE = 0;
var NOT_OFFERED = 1;
var FAILED = 2;
var Glue = class {
  constructor(options, store, listener, say) {
    this.options = options;
    this.store = store;
    this.listener = listener;
    this.say = say;
  }
  options;
  store;
  listener;
  say;
  #hold;
  #timer;
  #trouble;
  #cause;
  lock(slot) {
    const hold = this.store.locker((left2) => {
      if (this.#hold === hold) this.say(LEASE, 0, left2);
    });
    this.#hold = hold;
    void hold.taken.then((lease) => this.say(LOCKED, slot, lease));
  }
  unlock() {
    this.#hold?.release();
    this.#hold = void 0;
  }
  load(slot) {
    void this.#bounded(() => this.store.load()).then(
      (stored) => this.say(LOADED, slot, 0, stored?.version, stored?.record),
      (error) => {
        this.#cause = error;
        this.say(LOADED, slot, 1);
      }
    ).then(() => this.listener.looked());
  }
  save(slot, expected, record2) {
    void this.#bounded(() => this.store.swap(expected ?? null, record2)).then(
      (tag) => {
        if (tag !== null) this.options.worker?.kept();
        this.say(SAVED, slot, 0, tag ?? void 0);
      },
      (error) => {
        this.#cause = error;
        this.say(SAVED, slot, 1);
      }
    );
  }
  refresh(slot, refreshToken) {
    void this.#exchange(slot, refreshToken);
  }
  async #exchange(slot, refreshToken) {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const { fetch, worker, endpoint, requestDeadline } = this.options;
    const departure = watchDeparture();
    try {
      const reply = await within(requestDeadline, (signal) => endpoint.refresh(worker?.fetch ?? fetch, { refreshToken, signal }));
      reply.members.forEach((member, index) => this.#member(index, member));
      this.say(BODY, reply.body);
      if (reply.retryAfter !== void 0) this.say(RETRY_AFTER, 0, reply.retryAfter);
      this.say(REPLIED, slot, reply.status);
    } catch (error) {
      this.#cause = error;
      const loss = error instanceof TimedOut ? NOT_IN_TIME : offline ? NOT_CONNECTED : UNKNOWN;
      await departure.staying();
      this.say(LOST, slot, loss);
    } finally {
      departure.over();
    }
  }
  /** A JSON value as the engine takes it. */
  #member(index, value) {
    if (typeof value === "string") this.say(TEXT, index, 0, value);
    else if (typeof value === "number") this.say(NUMBER, index, value);
    else if (typeof value === "boolean") this.say(FLAG, index, Number(value));
    else if (Array.isArray(value)) this.say(ARRAY, index);
    else if (value && typeof value === "object") {
      const members = value;
      const code = ERROR_OBJECT_MEMBERS.map((name) => members[name]).find((member) => typeof member === "string");
      this.say(OBJECT, index, 0, code);
    }
  }
  revoke(slot, refreshToken) {
    void this.tell(refreshToken).then((how) => this.say(REVOKED, slot, how));
  }
  /** Tells the server of a sign-out. */
  async tell(refreshToken) {
    const { fetch, endpoint, requestDeadline } = this.options;
    const revoke = endpoint.revoke;
    if (!revoke) return NOT_OFFERED;
    try {
      return await within(requestDeadline, (signal) => revoke(fetch, { refreshToken, signal })) ? DONE : FAILED;
    } catch {
      return FAILED;
    }
  }
  announce(version) {
    try {
      this.store.announce(version);
    } catch {
    }
  }
  timer(wait) {
    clearTimeout(this.#timer);
    if (wait < 0) return;
    this.#timer = setTimeout(() => this.say(TIMEOUT), Math.min(wait, LONGEST_TIMER));
  }
  settle(waiter, code, detail, retryAfter, text) {
    this.listener.settled(waiter, code, detail, () => this.#error(code, detail, retryAfter, text));
  }
  publish(generation, status, session, header, usableUntil, renewAt, expiresAt) {
    const live = session === void 0 || header === void 0 ? void 0 : {
      header,
      session,
      generation,
      stamp: `${generation}.${session}`,
      usableUntil: usableUntil < 0 ? Infinity : usableUntil,
      renewAt: renewAt < 0 ? Infinity : renewAt,
      expiresAt: expiresAt < 0 ? void 0 : expiresAt
    };
    this.listener.published(generation, status, live);
  }
  notify(event, here, detail, number, waiters) {
    this.listener.notified(event, here, detail, number, waiters);
  }
  failed(code, detail, retryAfter, text) {
    this.listener.failed(this.#error(code, detail, retryAfter, text));
  }
  trouble(what) {
    this.#trouble = what;
  }
  rest(unsaved) {
    this.listener.rested(unsaved);
  }
  #error(code, detail, retryAfter, text) {
    return errorOf(code, detail, retryAfter, text, this.#trouble, this.#cause);
  }
  /** A deadline for what the store does; it begins when the engine has returned. */
  async #bounded(work) {
    return within(SAVE_DEADLINE, work);
  }
};
var TimedOut = class extends Error {
};
async function within(millis2, work) {
  const abort = new AbortController();
  await void 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TimedOut("The deadline has passed."));
      abort.abort();
    }, millis2);
    Promise.resolve().then(() => work(abort.signal)).then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// src/storage/database.ts
var NAME = "oneflight";
var RECORDS = "records";
var LEASES = "leases";
var Denied = class extends Error {
};
var opened;
function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(RECORDS);
      request.result.createObjectStore(LEASES);
    };
    request.onsuccess = () => {
      const database = request.result;
      const forget = () => {
        opened = void 0;
      };
      database.onclose = forget;
      database.onversionchange = () => {
        database.close();
        forget();
      };
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    opened = void 0;
    throw error;
  });
  return opened;
}
async function transact(store, mode, work) {
  for (let fresh = false; ; fresh = true) {
    const database = await open();
    let transaction;
    try {
      transaction = database.transaction(store, mode, { durability: "strict" });
    } catch (error) {
      if (fresh) throw error;
      opened = void 0;
      continue;
    }
    return new Promise((resolve, reject) => {
      let left2;
      transaction.oncomplete = () => resolve(left2);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(store), (value) => {
        left2 = value;
      });
    });
  }
}
async function probe() {
  if (typeof indexedDB === "undefined") throw new Denied();
  try {
    await open();
  } catch (error) {
    const name = error instanceof Error || error instanceof DOMException ? error.name : "";
    if (name === "SecurityError" || name === "InvalidStateError" || isBlocked()) throw new Denied();
  }
}
function isBlocked() {
  try {
    return globalThis.sessionStorage === void 0;
  } catch {
    return true;
  }
}

// src/lock.ts
var HELD = 0;
var TIMED_OUT = -1;
var FAILED2 = -2;
var noLock = () => ({ taken: Promise.resolve(HELD), release: () => void 0 });
var queues = /* @__PURE__ */ new Map();
function pageLock(name) {
  return () => {
    const { released, release } = gate();
    const before = queues.get(name) ?? Promise.resolve();
    queues.set(name, before.then(() => released));
    return { taken: before.then(() => HELD), release };
  };
}
function gate() {
  let release = () => void 0;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  return { released, release };
}
async function hasWebLocks() {
  try {
    await navigator.locks.request("oneflight-probe", { mode: "shared", ifAvailable: true }, () => void 0);
    return true;
  } catch {
    return false;
  }
}
var ROUNDS = 3;
var FORCED_LEASE = 6e5;
async function holderOf(name) {
  const { held = [] } = await navigator.locks.query();
  return held.find((lock) => lock.name === name)?.clientId;
}
function webLock(name, deadlines) {
  return (left2) => {
    const { released, release } = gate();
    const giveUp = new AbortController();
    let over = false;
    let ours = false;
    const taken = new Promise((resolve) => {
      const hold = (worth) => () => {
        if (over) return void 0;
        ours = true;
        resolve(worth);
        return released;
      };
      const failed = (error) => {
        if (ours) {
          if (!over) left2(0);
        } else if (!(error instanceof DOMException && error.name === "AbortError")) {
          resolve(FAILED2);
        }
      };
      navigator.locks.request(name, { signal: giveUp.signal }, hold(HELD)).catch(failed);
      const wait = async () => {
        let holder = await holderOf(name);
        for (let round = 0; round < ROUNDS; round += 1) {
          await new Promise((wake) => setTimeout(wake, deadlines.lock));
          if (ours || over) return;
          const now = await holderOf(name);
          if (ours || over) return;
          if (now === holder) {
            giveUp.abort();
            const worth = deadlines.lock >= deadlines.work ? HELD : FORCED_LEASE;
            navigator.locks.request(name, { steal: true }, hold(worth)).catch(failed);
            return;
          }
          holder = now;
        }
        giveUp.abort();
        resolve(TIMED_OUT);
      };
      wait().catch(() => {
        giveUp.abort();
        resolve(FAILED2);
      });
    });
    return {
      taken,
      release: () => {
        over = true;
        release();
        if (!ours) giveUp.abort();
      }
    };
  };
}
function ownLock(lock, deadlines) {
  return (left2) => {
    const { released, release } = gate();
    const giveUp = new AbortController();
    let ours = false;
    const taken = new Promise((resolve) => {
      const timer = setTimeout(() => {
        giveUp.abort();
        resolve(TIMED_OUT);
      }, deadlines.lock);
      const work = async (signal) => {
        if (giveUp.signal.aborted) return;
        ours = true;
        clearTimeout(timer);
        signal?.addEventListener("abort", () => left2(0));
        resolve(HELD);
        await released;
      };
      Promise.resolve().then(() => lock(work, { signal: giveUp.signal })).catch(() => {
        clearTimeout(timer);
        resolve(FAILED2);
        if (ours) left2(0);
      });
    });
    return {
      taken,
      release: () => {
        release();
        if (!ours) giveUp.abort();
      }
    };
  };
}
var LOOK = 200;
function leaseLock(key, deadlines) {
  const length = deadlines.work * 1.5;
  return (left2) => {
    const owner = newId();
    let over = false;
    let renewal;
    const take = (mine) => transact(LEASES, "readwrite", (leases, leave) => {
      const request = leases.get(key);
      request.onsuccess = () => {
        if (!mine(request.result)) return;
        leases.put({ owner, until: Date.now() + length }, key);
        leave(true);
      };
    });
    const isFree = (lease) => {
      const remaining = (lease?.until ?? 0) - Date.now();
      return remaining <= 0 || remaining > length;
    };
    const renew = async () => {
      const renewed = await take((lease) => lease?.owner === owner).catch(() => void 0);
      if (!over && renewed !== void 0) left2(length);
      else if (!over) left2(0);
    };
    const acquire = async () => {
      const end = Date.now() + Math.max(deadlines.lock, length + 2 * LOOK);
      while (!over && Date.now() < end) {
        if (await take(isFree)) {
          if (over) drop();
          else renewal = setInterval(() => void renew(), length / 3);
          return length;
        }
        await new Promise((wake) => setTimeout(wake, LOOK * (0.5 + Math.random())));
      }
      return TIMED_OUT;
    };
    const drop = () => {
      clearInterval(renewal);
      transact(LEASES, "readwrite", (leases) => {
        const request = leases.get(key);
        request.onsuccess = () => {
          if (request.result?.owner === owner) leases.delete(key);
        };
      }).catch(() => void 0);
    };
    const taken = acquire().catch(() => FAILED2);
    return {
      taken,
      release: () => {
        over = true;
        drop();
      }
    };
  };
}

// src/storage/memory.ts
function memoryStore(sharing = "alone") {
  let stored = null;
  return {
    sharing,
    copied: false,
    locker: noLock,
    load: async () => stored,
    swap: async (expected, record2) => {
      if ((stored?.version ?? null) !== expected) return null;
      stored = { version: newId(), record: record2 };
      return stored.version;
    },
    announce: () => void 0,
    subscribe: () => () => void 0,
    close: () => void 0
  };
}

// src/storage/custom.ts
async function customStore(store, key, deadlines) {
  const locks = !store.lock && await hasWebLocks();
  const byPage = () => pageLock(`custom:${key}`);
  return {
    ...memoryStore(),
    sharing: store.lock || locks ? "locks" : "alone",
    locker: store.lock ? ownLock(store.lock.bind(store), deadlines) : locks ? webLock(`oneflight:${key}`, deadlines) : byPage(),
    load: async () => store.load(),
    swap: async (expected, record2) => store.swap(expected, record2),
    subscribe: (heard) => store.subscribe?.(() => heard(void 0)) ?? (() => void 0)
  };
}

// src/channel.ts
function channel(name) {
  let open3;
  try {
    open3 = new BroadcastChannel(name);
  } catch {
  }
  return {
    announce: (version) => open3?.postMessage(version),
    subscribe: (heard) => {
      const listener = ({ data }) => heard(typeof data === "number" ? data : void 0);
      open3?.addEventListener("message", listener);
      return () => open3?.removeEventListener("message", listener);
    },
    close: () => open3?.close()
  };
}

// src/storage/local.ts
async function localStore(key, deadlines) {
  try {
    await probe();
  } catch (error) {
    if (error instanceof Denied) return memoryStore("denied");
    throw error;
  }
  const locks = await hasWebLocks();
  const name = `oneflight:${key}`;
  const messages = channel(name);
  return {
    sharing: locks ? "locks" : "lease",
    copied: false,
    locker: locks ? webLock(name, deadlines) : leaseLock(key, deadlines),
    load: async () => {
      const stored = await transact(RECORDS, "readonly", (records, leave) => {
        const request = records.get(key);
        request.onsuccess = () => request.result && leave(request.result);
        records.transaction.commit();
      });
      return stored ?? null;
    },
    swap: async (expected, record2) => {
      const written = await transact(RECORDS, "readwrite", (records, leave) => {
        const request = records.get(key);
        request.onsuccess = () => {
          if ((request.result?.version ?? null) !== expected) return;
          const version = newId();
          records.put({ version, record: record2 }, key);
          leave(version);
        };
      });
      return written ?? null;
    },
    ...messages
  };
}

// src/storage/session.ts
var TAB = "oneflight-tab";
var RECORD = "oneflight:";
var HAND_OVER = 1e3;
var ANSWER = 100;
var identity;
async function isCopy() {
  const known = sessionStorage.getItem(TAB);
  const copied = known !== null && !await claim(known);
  if (known === null || copied) {
    const id = newId();
    if (copied) {
      const names = Object.keys(sessionStorage).filter((name) => name.startsWith(RECORD));
      for (const name of names) sessionStorage.removeItem(name);
    }
    sessionStorage.setItem(TAB, id);
    await claim(id);
  }
  return copied;
}
async function claim(id) {
  try {
    return await claimByLock(`${TAB}:${id}`);
  } catch {
    return claimByAsking(`${TAB}:${id}`);
  }
}
async function claimByLock(name) {
  const left2 = new Promise((resolve) => addEventListener("pagehide", () => resolve(), { once: true }));
  const taken = await new Promise((resolve, reject) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), HAND_OVER);
    navigator.locks.request(name, { signal: abort.signal }, () => {
      clearTimeout(timer);
      resolve(true);
      return left2;
    }).catch((error) => abort.signal.aborted ? resolve(false) : reject(error));
  });
  if (taken) {
    const again = (event) => {
      if (event.persisted) void claimByLock(name).catch(() => void 0);
    };
    addEventListener("pageshow", again, { once: true });
  }
  return taken;
}
async function claimByAsking(name) {
  if (typeof BroadcastChannel === "undefined") return true;
  const channel2 = new BroadcastChannel(name);
  const taken = await new Promise((resolve) => {
    channel2.onmessage = () => resolve(true);
    channel2.postMessage("?");
    setTimeout(() => resolve(false), ANSWER);
  });
  if (taken) {
    channel2.close();
    return false;
  }
  channel2.onmessage = ({ data }) => {
    if (data === "?") channel2.postMessage("!");
  };
  return true;
}
async function sessionStore(key) {
  let copied;
  try {
    identity ??= isCopy();
    copied = await identity;
  } catch {
    identity = void 0;
    return memoryStore("denied");
  }
  const name = RECORD + key;
  const read = () => {
    const text = sessionStorage.getItem(name);
    if (text === null) return null;
    const end = text.indexOf(" ");
    return end < 0 ? { version: text, record: text } : { version: text.slice(0, end), record: text.slice(end + 1) };
  };
  return {
    ...memoryStore(),
    copied,
    locker: pageLock(`session:${key}`),
    load: async () => read(),
    swap: async (expected, record2) => {
      if ((read()?.version ?? null) !== expected) return null;
      const version = newId();
      sessionStorage.setItem(name, `${version} ${record2}`);
      return version;
    }
  };
}

// src/session.ts
var ASK_AHEAD_EVERY = 100;
var LOOK_EVERY = 100;
var NOT_OFFERED2 = 2;
var CAUSES = ["expired", "refused", "due", "opening"];
var UNKEPT = ["tokens", "sign-in", "sign-out"];
var NOTHING_KNOWN = Object.freeze({
  status: "unknown",
  signedIn: false,
  reason: void 0,
  expiresAt: void 0,
  generation: 0,
  sharing: "alone"
});
var NOBODY = 0;
var PageSession = class {
  #options;
  #events = new EventTarget();
  #listeners = /* @__PURE__ */ new Set();
  #waiters = /* @__PURE__ */ new Map();
  /** What the application is told as soon as the engine has returned. */
  #told = [];
  #undo = [];
  #starting;
  #engine;
  #glue;
  #store;
  #live;
  #lastWaiter = 0;
  #askedAheadAt = 0;
  #lookedAt = 0;
  #closed = false;
  #known;
  #ready;
  #rested;
  #snapshot = NOTHING_KNOWN;
  constructor(options) {
    this.#options = check(options);
    this.#ready = new Promise((resolve) => {
      this.#known = resolve;
    });
  }
  fetch = (input, init) => this.#closed ? Promise.reject(closed()) : intercept(this, input, init);
  get origins() {
    return this.#options.origins;
  }
  get handsBack() {
    return this.#options.handsBack;
  }
  get snapshot() {
    return this.#snapshot;
  }
  get status() {
    return this.#snapshot.status;
  }
  // ---- requests
  send(input, init) {
    return this.#options.fetch(input, init);
  }
  current() {
    const live = this.#live;
    if (!live || this.#closed) return void 0;
    const now = Date.now();
    if (now >= live.usableUntil) return void 0;
    if (now >= live.renewAt && Math.abs(now - this.#askedAheadAt) >= ASK_AHEAD_EVERY) {
      this.#askedAheadAt = now;
      this.#say(AHEAD);
    }
    return live;
  }
  async usable(signal) {
    return this.current() ?? this.#token(USABLE, signal);
  }
  async fresh(signal) {
    try {
      return await this.#token(FRESH, signal);
    } catch {
      signal?.throwIfAborted();
      return this.usable(signal);
    }
  }
  newer({ generation, session }, signal) {
    return this.#token(NEWER, signal, generation, session);
  }
  renewForTheNext({ generation, session }) {
    this.#say(NEWER, NOBODY, generation, session);
  }
  async token(options = {}) {
    return (await this.usable(options.signal)).header.slice("Bearer ".length);
  }
  async authorization(options = {}) {
    const { header, stamp } = await this.usable(options.signal);
    return { header, stamp };
  }
  async newerThan(refused, options = {}) {
    const [generation, session = ""] = refused.split(".");
    const { header, stamp } = await this.newer({ generation: Number(generation), session }, options.signal);
    return { header, stamp };
  }
  allows(url) {
    try {
      return this.origins.has(new URL(url, globalThis.location?.href).origin);
    } catch {
      return false;
    }
  }
  isRefusal(status, challenges) {
    return refuses(status, challenges);
  }
  // ---- commands
  async signIn(tokens) {
    if (!tokens || typeof tokens.accessToken !== "string") throw failure("bad-token", "signIn: accessToken is missing");
    const { accessToken, refreshToken, expiresIn, scope, idToken } = tokens;
    const lifetime = typeof expiresIn === "number" && !Number.isNaN(expiresIn) ? Math.max(expiresIn, 0) : -1;
    const done = await this.#ask(SIGN_IN, void 0, lifetime, newId(), accessToken, refreshToken, scope, idToken);
    return { saved: done.code === SIGNED_IN && done.detail === 1 };
  }
  async signOut() {
    const { detail } = await this.#ask(SIGN_OUT);
    if (detail & NOT_OFFERED2 && this.#options.endpoint.ambient) await this.#glue?.tell(void 0);
  }
  retryNow() {
    this.#say(RETRY_NOW);
  }
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    const starting = this.#starting;
    if (starting) {
      await starting.then(
        () => new Promise((resolve) => {
          this.#rested = resolve;
          this.#say(CLOSE);
        }),
        () => void 0
      );
    }
    for (const undo of this.#undo.splice(0)) undo();
    this.#live = void 0;
    this.#known?.();
  }
  // ---- watching
  get ready() {
    void this.#begin().catch(() => this.#known?.());
    return this.#ready;
  }
  subscribe(listener) {
    this.#begin().catch(() => void 0);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  addEventListener(type, listener, options) {
    this.#begin().catch(() => void 0);
    this.#events.addEventListener(type, listener, options);
  }
  removeEventListener(type, listener, options) {
    this.#events.removeEventListener(type, listener, options);
  }
  // ---- what the engine says
  published(generation, code, live) {
    this.#live = live;
    let { status, reason } = statusOf(code);
    if (status === "never-signed-in" && this.#store?.copied) {
      status = "signed-out";
      reason = "copied";
    }
    const before = this.#snapshot;
    const sharing = this.#store?.sharing ?? "alone";
    const expiresAt = live?.expiresAt;
    const same = before.status === status && before.reason === reason && before.generation === generation;
    if (same && before.expiresAt === expiresAt && before.sharing === sharing) return;
    const snapshot = Object.freeze({ status, signedIn: status === "signed-in", reason, expiresAt, generation, sharing });
    this.#snapshot = snapshot;
    this.#tell("change", snapshot);
    this.#told.push(() => {
      for (const listener of [...this.#listeners]) report(listener);
    });
  }
  settled(waiter, code, detail, failed) {
    const waiting = this.#waiters.get(waiter);
    this.#waiters.delete(waiter);
    if (!waiting) return;
    if (code <= ENDED) waiting.resolve({ live: this.#live, code, detail });
    else if (code === NEVER_SIGNED_IN && this.#store?.copied) {
      waiting.reject(failure("signed-out", "This tab is a copy; the other one keeps the session.", { reason: "copied" }));
    } else waiting.reject(failed());
  }
  notified(event, here, detail, generation, waiters) {
    switch (event) {
      case 0:
        return this.#tell("signin", { here });
      case 1:
        return this.#tell("signout", { reason: reasonOf(detail), here });
      case 2:
        return this.#tell("refreshing", { cause: CAUSES[detail] ?? "opening" });
      case 3:
        return this.#tell("refreshed", { here: true, generation, waiters });
      case 4:
        return this.#tell("refreshed", { here: false, generation, waiters: 0 });
      case 5:
        return this.#tell("storefailed", { what: UNKEPT[detail] ?? "tokens" });
      default:
        return this.#tell("storerecovered", void 0);
    }
  }
  failed(error) {
    this.#tell("refreshfailed", { error });
  }
  looked() {
    this.#known?.();
  }
  rested() {
    this.#rested?.();
  }
  // ---- inside
  #tell(type, detail) {
    this.#told.push(() => void this.#events.dispatchEvent(new CustomEvent(type, { detail })));
  }
  /** Tells the engine, and then the application what came of it: its code may call us again. */
  #say = (what, whom = 0, number = 0, ...words) => {
    const engine = this.#engine;
    if (!engine) return true;
    try {
      for (const word of words) engine.word(word);
      return engine.tell(Date.now(), performance.now(), what, whom, number);
    } finally {
      for (const tell of this.#told.splice(0)) tell();
    }
  };
  #begin() {
    if (this.#closed && !this.#starting) return Promise.reject(closed());
    this.#starting ??= this.#start().catch((error) => {
      this.#starting = void 0;
      throw error;
    });
    return this.#starting;
  }
  async #start() {
    const [store] = await Promise.all([this.#open(), load(this.#options.wasm)]);
    this.#store = store;
    const glue = new Glue(this.#options, store, this, this.#say);
    this.#glue = glue;
    const engine = makeEngine(glue, this.#options);
    this.#engine = engine;
    watchPage();
    const look = () => {
      if (Math.abs(Date.now() - this.#lookedAt) < LOOK_EVERY) return;
      this.#lookedAt = Date.now();
      this.#say(RELOAD);
    };
    const seen = (visible) => this.#say(VISIBLE, 0, Number(visible));
    const heard = (version) => void (version === void 0 ? this.#say(RELOAD) : this.#say(HINT, 0, version));
    this.#undo.push(onWake(look, seen), store.subscribe(heard), () => store.close());
    if (!isVisible()) seen(false);
    this.#say(RELOAD);
    return engine;
  }
  async #open() {
    const { storage, key, lockDeadline, requestDeadline } = this.#options;
    const deadlines = { lock: lockDeadline, work: requestDeadline + SAVE_DEADLINE };
    if (typeof storage === "object") return customStore(storage, key, deadlines);
    if (storage === "local") return localStore(key, deadlines);
    return storage === "session" ? sessionStore(key) : memoryStore();
  }
  async #token(what, signal, number, ...words) {
    const { live } = await this.#ask(what, signal, number, ...words);
    if (!live) throw failure("not-signed-in", "Nobody is signed in.");
    return live;
  }
  async #ask(what, signal, number, ...words) {
    if (this.#closed) throw closed();
    signal?.throwIfAborted();
    await abortable(this.#begin(), signal);
    if (this.#closed) throw closed();
    const waiter = this.#lastWaiter = (this.#lastWaiter + 1) % 2 ** 32 || 1;
    const waiting = new Promise((resolve, reject) => {
      this.#waiters.set(waiter, { resolve, reject });
      if (this.#say(what, waiter, number, ...words)) return;
      this.#waiters.delete(waiter);
      reject(
        what === NEWER ? failure("invalid-option", "newerThan: this is no stamp") : failure("bad-token", "signIn: a token is empty, or holds characters that no header may carry")
      );
    });
    try {
      return await abortable(waiting, signal);
    } finally {
      if (this.#waiters.delete(waiter)) this.#say(FORGET, waiter);
    }
  }
};
function closed() {
  return failure("closed", "The session object was closed.");
}
function report(listener) {
  try {
    listener();
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else queueMicrotask(() => {
      throw error;
    });
  }
}
function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
function noPage() {
  const reject = () => Promise.reject(failure("no-browser", "oneflight works in pages only; this code runs on a server."));
  return {
    fetch: reject,
    token: reject,
    authorization: reject,
    newerThan: reject,
    allows: () => false,
    isRefusal: () => false,
    signIn: reject,
    signOut: reject,
    retryNow: () => void 0,
    snapshot: NOTHING_KNOWN,
    status: "unknown",
    subscribe: () => () => void 0,
    ready: Promise.resolve(),
    addEventListener: () => void 0,
    removeEventListener: () => void 0,
    close: () => Promise.resolve()
  };
}
function createSession(options) {
  return hasPage() ? new PageSession(options) : noPage();
}

// src/worker.ts
var START = 2e3;
var Courier = class {
  state = "unused";
  #url;
  #waiting = /* @__PURE__ */ new Map();
  #port;
  #last = 0;
  /** The answer that was handed out and is not stored yet. */
  #unkept;
  constructor(url) {
    this.#url = url;
  }
  fetch = async (input, init = {}) => {
    const port = await (this.#port ??= this.#start());
    const { signal, ...rest } = init;
    if (!port) return globalThis.fetch(input, init);
    signal?.throwIfAborted();
    const id = ++this.#last;
    const say = (message) => port.postMessage(message);
    const answer = await new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ answer: answer2 }) => answer2 ? resolve(answer2) : reject(new TypeError("The refresh failed in the worker.")));
      signal?.addEventListener("abort", () => {
        say({ drop: id });
        this.#waiting.delete(id);
        reject(signal.reason);
      });
      say({ id, url: String(input), init: rest });
    });
    this.#unkept = id;
    const { status, headers, text } = answer;
    return new Response(text || null, { status, headers });
  };
  kept() {
    const id = this.#unkept;
    this.#unkept = void 0;
    if (id !== void 0) void this.#port?.then((port) => port?.postMessage({ kept: id }));
  }
  async #start() {
    if (typeof SharedWorker === "undefined") {
      this.state = "unsupported";
      return void 0;
    }
    let outlives = false;
    try {
      const worker = this.#url ? new SharedWorker(this.#url, {
        type: "module",
        name: "oneflight",
        get extendedLifetime() {
          return outlives = true;
        }
      }) : new SharedWorker(new URL("./shared-worker.js", location.href), {
        type: "module",
        name: "oneflight",
        get extendedLifetime() {
          return outlives = true;
        }
      });
      if (!outlives) {
        worker.port.close();
        this.state = "unsupported";
        return void 0;
      }
      const started = await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), START);
        worker.onerror = () => resolve(false);
        worker.port.onmessage = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (started) {
        worker.port.onmessage = ({ data }) => {
          this.#waiting.get(data.id)?.(data);
          this.#waiting.delete(data.id);
        };
        this.state = "running";
        return worker.port;
      }
    } catch {
    }
    this.state = "failed";
    return void 0;
  }
};
function sharedWorker(options = {}) {
  return new Courier(options.url);
}

// embedded/index.ts
var workers = /* @__PURE__ */ new WeakMap();
function open2(module2, options, script) {
  embed(module2);
  if (script !== void 0) {
    const worker = sharedWorker({ url: script });
    const session = create({ ...options, worker });
    workers.set(session, worker);
    return session;
  }
  return create(options);
}
function workerState(session) {
  return workers.get(session)?.state;
}
function create(options) {
  if (!("refresh" in options)) return createSession(options);
  const own = options.refresh;
  const refresh = async (input) => {
    const tokens = await own(input);
    if (!tokens) throw new RefreshRejected();
    return tokens;
  };
  return createSession({ ...options, refresh });
}
function send(session, input, signal, noReplay) {
  const init = { signal };
  if (noReplay) init.oneflight = { noReplay };
  if (typeof input === "string") return session.fetch(input, init);
  const own = input.signal;
  if (own.aborted) return session.fetch(input);
  const both = new AbortController();
  init.signal = both.signal;
  const forward = (from) => () => both.abort(from.reason);
  own.addEventListener("abort", forward(own), { once: true });
  signal.addEventListener("abort", forward(signal), { once: true });
  return session.fetch(input, init);
}
function watch(session, changed) {
  return session.subscribe(() => changed(session.snapshot));
}
var EVENTS = ["signin", "signout", "refreshing", "refreshed", "refreshfailed", "storefailed", "storerecovered"];
function listen(session, heard) {
  const listener = (event) => heard(event.type, event.detail ?? {});
  for (const name of EVENTS) session.addEventListener(name, listener);
  return () => {
    for (const name of EVENTS) session.removeEventListener(name, listener);
  };
}
function isOurs(error) {
  return isOneflightError(error);
}
export {
  isOurs,
  listen,
  open2 as open,
  send,
  watch,
  whyNotReplayed,
  workerState
};
