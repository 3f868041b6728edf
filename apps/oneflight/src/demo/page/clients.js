// The three clients in a browser. Naive and textbook keep their tokens in localStorage, as most pages do; oneflight is the
// npm package.
const UNAUTHORIZED = { outcome: "unauthorized" };
/** How long a waiter may hang before the demo takes it out of its misery, in milliseconds. The lessons know no such limit. */
const MERCY = 2000;

const realFetch = fetch.bind(window);
const now = () => performance.timeOrigin + performance.now();

/** The client that is ordered, signed in; what it sends is reported, whatever it is made of. */
export async function flyer(settings, report) {
  const calls = new Map();
  window.fetch = witness(settings, calls, report);
  const client = await KINDS[settings.client](settings);
  return {
    ...client,
    async call(url, call) {
      calls.set(url, call);
      try {
        return await client.call(url, call);
      } catch (error) {
        return { outcome: "failed", why: error.message };
      } finally {
        calls.delete(url);
      }
    },
  };
}

/** `fetch`, with a report of every request to the API and the token endpoint; `call` where one call refreshes for itself. */
function witness({ tokenEndpoint, flight, tab }, calls, report) {
  let refreshes = 0;
  async function refresh(input, init, call) {
    const about = { flight, tab, refresh: refreshes++ };
    report({ what: "refresh-sent", ...about, call, at: now() });
    const ended = (failure) => report({ what: "refresh-ended", ...about, at: now(), failure });
    try {
      const answer = await realFetch(input, init);
      ended(answer.ok ? undefined : `the token endpoint answered ${answer.status}`);
      return answer;
    } catch (error) {
      ended("the token endpoint's answer was lost");
      throw error;
    }
  }
  return async (input, init, call) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url === tokenEndpoint) return refresh(input, init, call);
    const known = calls.get(url);
    if (known === undefined) return realFetch(input, init);
    report({ what: "sent", call: known, at: now() });
    const answer = await realFetch(input, init);
    if (answer.status === 401) report({ what: "refused", call: known, at: now() });
    return answer;
  };
}

/** Reads an answer to its end, so that its connection serves the next request. */
async function outcome(answer) {
  await answer.arrayBuffer();
  if (answer.ok) return { outcome: "ok" };
  return answer.status === 401 ? UNAUTHORIZED : { outcome: "failed", why: `the API answered ${answer.status}` };
}

const get = (url, access) => fetch(url, { headers: { authorization: `Bearer ${access}` } });

/** What all tabs share. */
function shelf({ flight, tokens }) {
  const key = `oneflight-demo-${flight}`;
  const keep = (kept) => localStorage.setItem(key, JSON.stringify(kept));
  if (tokens) keep({ access: tokens.accessToken, refresh: tokens.refreshToken });
  return { read: () => JSON.parse(localStorage.getItem(key)), keep, clear: async () => localStorage.removeItem(key) };
}

/** One refresh (RFC 6749 §6). */
async function trade({ tokenEndpoint, clientId }, refreshToken, call) {
  const body = new URLSearchParams({ grant_type: "refresh_token", client_id: clientId, refresh_token: refreshToken });
  const answer = await fetch(tokenEndpoint, { method: "POST", body }, call);
  if (!answer.ok) throw new Error(`the token endpoint answered ${answer.status}`);
  const { access_token: access, refresh_token: refresh } = await answer.json();
  return { access, refresh };
}

/** Everyone refreshes: each refused call trades the refresh token for itself. */
async function naive(settings) {
  const tokens = shelf(settings);
  return {
    async call(url, call) {
      const access = tokens.read()?.access;
      if (!access) return UNAUTHORIZED;
      const answer = await get(url, access);
      if (answer.status !== 401) return outcome(answer);
      const refresh = tokens.read()?.refresh;
      if (!refresh) return UNAUTHORIZED;
      const newer = await trade(settings, refresh, call);
      tokens.keep(newer);
      return outcome(await get(url, newer.access));
    },
    signOut: tokens.clear,
    close: tokens.clear,
  };
}

/** A flag and a subject, as in the lessons on interceptors, with their holes. */
async function textbook(settings) {
  const tokens = shelf(settings);
  let isRefreshing = false;
  let waiters = [];

  async function lead() {
    isRefreshing = true;
    try {
      const refresh = tokens.read()?.refresh;
      if (!refresh) return undefined;
      const newer = await trade(settings, refresh);
      tokens.keep(newer);
      for (const go of waiters.splice(0)) go(newer.access);
      return newer.access;
    } catch (error) {
      // Any failure is a sign-out, and the subject never speaks.
      tokens.clear();
      throw new Error(`${error.message}, so it signs out`);
    } finally {
      isRefreshing = false;
    }
  }
  const wait = () =>
    new Promise((resolve, reject) => {
      waiters.push(resolve);
      setTimeout(() => reject(new Error(`would have hung for ever; ended by the demo after ${MERCY / 1000} s`)), MERCY);
    });

  return {
    async call(url) {
      const access = tokens.read()?.access;
      if (!access) return UNAUTHORIZED;
      const answer = await get(url, access);
      if (answer.status !== 401) return outcome(answer);
      const newer = await (isRefreshing ? wait() : lead());
      return newer ? outcome(await get(url, newer)) : UNAUTHORIZED;
    },
    signOut: tokens.clear,
    close: tokens.clear,
  };
}

/** One refresh for all. */
async function oneflight({ tokenEndpoint, revocationUrl, apiOrigin, clientId, flight, tokens }) {
  const { createSession } = await import("/oneflight/index.js");
  const session = createSession({
    tokenEndpoint,
    revocationEndpoint: revocationUrl,
    clientId,
    origins: [apiOrigin],
    storage: "local",
    key: `demo-${flight}`,
  });
  if (tokens) await session.signIn(tokens);
  await session.ready;
  return {
    async call(url) {
      try {
        return await outcome(await session.fetch(url));
      } catch (error) {
        const retryAfterMs = error.retryAfter === undefined ? undefined : Math.ceil(error.retryAfter);
        return { outcome: "failed", why: error.message, retryAfterMs };
      }
    },
    signOut: () => session.signOut(),
    async close() {
      // Nothing of a flight is left in the browser.
      if (tokens) await session.signOut();
      await session.close();
    },
  };
}

const KINDS = { naive, textbook, oneflight };
