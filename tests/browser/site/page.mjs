// What every page of the tests can do, whichever client it was asked for (`?client=naive`, `?client=hasty`).
const query = new URLSearchParams(location.search);
const client = query.get("client");
const { createSession } = await import(client === "oneflight" ? "/oneflight/index.js" : `/${client}.mjs`);

const EVENTS = ["change", "signin", "signout", "refreshing", "refreshed", "refreshfailed", "storefailed", "storerecovered"];
let requests = 0;

/** What happened in this page, in order. */
window.happened = [];
window.createSession = createSession;

/** Makes the page's session, or another one by another `name`. */
window.begin = (options, name = "session") => {
  const session = createSession(options);
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
