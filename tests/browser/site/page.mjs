// What every page of the tests can do, whichever client it was asked for (`?client=naive`, `?client=hasty`).
const query = new URLSearchParams(location.search);
const client = query.get("client");
const { createSession, whyNotReplayed } = await import(client === "oneflight" ? "/oneflight/index.js" : `/${client}.mjs`);

const { sharedWorker } = client === "oneflight" ? await import("/oneflight/worker.js") : {};

/** Lets the clocks of this page jump, by milliseconds: the wall clock, as after suspend, and also the monotonic one. */
window.jump = (wall, mono = 0) => {
  jumped.wall += wall;
  jumped.mono += mono;
};
const jumped = { wall: 0, mono: 0 };
const [now, elapsed] = [Date.now.bind(Date), performance.now.bind(performance)];
Date.now = () => now() + jumped.wall;
performance.now = () => elapsed() + jumped.mono;

const EVENTS = ["change", "signin", "signout", "refreshing", "refreshed", "refreshfailed", "storefailed", "storerecovered"];
let requests = 0;

/** What happened in this page, in order. */
window.happened = [];
window.createSession = createSession;

/** Makes the page's session, or another one by another `name`. */
window.begin = (options, name = "session") => {
  // Streams need HTTP/2, which the test server does not speak: they are read to their end below the session.
  const buffered = async (url, init) => fetch(url, { ...init, body: init.body && (await new Response(init.body).text()) });
  const made = { ...options };
  if (options.fetch === "buffered") made.fetch = buffered;
  if (options.worker) window.worker = made.worker = sharedWorker(options.worker === true ? {} : { url: options.worker });
  const session = createSession(made);
  for (const type of EVENTS)
    session.addEventListener(type, ({ detail }) => happened.push({ type, ...detail, error: detail?.error?.code }));
  window[name] = session;
};

/** The outcome of a promise as data. */
window.told = async (promise) => {
  try {
    return { value: await promise };
  } catch (error) {
    const { name, code, action, reason, retryAfter, message, response } = error;
    return { error: { name, code, action, reason, retryAfter, message, status: response?.status } };
  }
};

/**
 * Sends one request: what came back as data, or `{error}`. `id` tells its tries at the server; `stream` is a body that can
 * be read once.
 */
window.send = async (url, { id, stream, ...init } = {}) => {
  const headers = { ...init.headers, ...(id && { "x-request-id": id }) };
  const body = stream ? { method: "POST", body: new Blob([stream]).stream(), duplex: "half" } : {};
  const { value, error } = await told(session.fetch(url, { ...init, ...body, headers }));
  if (!value) return { error };
  const challenge = value.headers.get("www-authenticate");
  return { status: value.status, challenge, text: await value.text(), why: whyNotReplayed?.(value) };
};

/** Sends `count` requests at once; counts the outcomes: a status, or the code of an error. */
window.storm = async (url, count, init) => {
  const outcomes = {};
  const one = async () => {
    const id = `${performance.timeOrigin}-${++requests}`;
    // A URL of its own: browsers keep requests for one URL waiting for each other.
    const { value, error } = await told(session.fetch(`${url}?${id}`, { ...init, headers: { ...init?.headers, "x-request-id": id } }));
    await value?.text();
    const outcome = value?.status ?? error.code ?? error.name;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: count }, one));
  return outcomes;
};

/** Resolves when the session's snapshot fits. */
window.until = (fits, name = "session") =>
  new Promise((resolve) => {
    const session = window[name];
    const look = () => {
      if (!fits(session.snapshot)) return;
      stop();
      resolve(session.snapshot);
    };
    const stop = session.subscribe(look);
    look();
  });

// A page that is to work by itself, at once and after every reload.
if (query.has("begin")) {
  begin(JSON.parse(query.get("begin")));
  if (query.has("fetch")) window.first = storm(query.get("fetch"), 5);
}
