// What one test has: a server, a site, contexts of a browser, and everything cleaned up at the end.
import { bounded } from "./bounded.mjs";
import { Server } from "./server.mjs";
import { serve } from "./site.mjs";

/** A page with a client in it. */
export class Tab {
  constructor(page) {
    this.page = page;
  }

  /** Runs `work` in the page, bounded. */
  run(work, arg) {
    const outcome = bounded(this.page.evaluate(work, arg), `in the page: ${String(work).slice(0, 80)}`);
    // A test may fail, or end, before it looks at what it started.
    outcome.catch(() => {});
    return outcome;
  }

  begin = (options, name) => this.run(([options, name]) => begin(options, name), [options, name]);
  signIn = (tokens) => this.run((tokens) => session.signIn(tokens), tokens);
  signOut = () => this.run(() => session.signOut());
  status = () => this.run(() => session.status);
  snapshot = () => this.run(() => session.snapshot);
  events = () => this.run(() => happened);
  /** Resolves with the snapshot once the status is `status`. */
  until = (status) => this.run((status) => until((snapshot) => snapshot.status === status), status);
  /** Resolves with the snapshot once `signedIn` and its generation is above `generation`. */
  newer = (generation) => this.run((last) => until((snapshot) => snapshot.signedIn && snapshot.generation > last), generation);
  /** `count` requests at once; gives the number of each outcome. */
  storm = (url, count, init) => this.run(([url, count, init]) => storm(url, count, init), [url, count, init]);
  /** One request: its answer as data, or `{error}`. */
  send = (url, init) => this.run(([url, init]) => send(url, init), [url, init]);
  /** Lets the page's clocks jump, by milliseconds. */
  jump = (wall, mono) => this.run(([wall, mono]) => jump(wall, mono), [wall, mono]);
  /** A call that may reject: `{value}` or `{error}`. */
  token = () => this.run(() => told(session.token()));
}

export class World {
  #cleaning = [];
  #said;

  constructor(settings, kind, browser, said) {
    this.#said = said;
    this.settings = settings;
    this.kind = kind;
    this.browser = browser;
  }

  /** Starts the server and the site that most tests want. */
  async start({ server, headers } = {}) {
    this.server = await Server.start(this.settings.binary, server);
    this.later(() => this.server.end());
    this.site = await this.serve(headers);
    this.api = this.server.api;
  }

  /** Another origin with the same pages. */
  async serve(headers) {
    const site = await serve(this.settings.pages, this.settings.dist, headers);
    this.later(() => site.end());
    return site;
  }

  /** Runs `work` at the end, last come first. */
  later(work) {
    this.#cleaning.push(work);
  }

  async end() {
    for (const work of this.#cleaning.reverse()) await work().catch((error) => console.error(`cleaning up: ${error.message}`));
  }

  /** The options of a session that shares its grant with its origin, and what is to differ. */
  options(more = {}) {
    const { tokenEndpoint, revocationEndpoint } = this.server;
    return { tokenEndpoint, revocationEndpoint, clientId: "app", origins: [this.api], storage: "local", ...more };
  }

  async context(options) {
    const context = await bounded(this.browser.newContext(options), "a new context");
    this.later(() => bounded(context.close(), "closing a context"));
    return context;
  }

  /** The address of a page; `begin` are the options of a session that it makes by itself. */
  url({ client = "oneflight", begin, fetch, origin = this.site.origin } = {}) {
    const query = new URLSearchParams({ client });
    if (begin) query.set("begin", JSON.stringify(begin));
    if (fetch) query.set("fetch", fetch);
    return `${origin}/?${query}`;
  }

  /** A new tab of `context` that has loaded the page. */
  async open(context, address = {}) {
    const tab = new Tab(await bounded(context.newPage(), "a new page"));
    await tab.page.goto(this.url(address));
    await tab.run(() => ready.then(() => {}));
    return tab;
  }

  /** `count` tabs of one context, each with a session, signed in by the first. */
  async signedIn({ count = 1, client = "oneflight", options = {}, tokens, context } = {}) {
    const shared = context ?? (await this.context());
    const begun = async () => {
      const tab = await this.open(shared, { client });
      await tab.begin(this.options(options));
      return tab;
    };
    const tabs = await Promise.all(Array.from({ length: count }, begun));
    await tabs[0].signIn(tokens ?? (await this.server.tokens()));
    await Promise.all(tabs.map((tab) => tab.until("signed-in")));
    return { context: shared, tabs };
  }

  /** A tab that a page opened by itself. */
  tab = (page) => new Tab(page);

  /** A figure for whoever reads the run's output. */
  say(line) {
    this.#said.push(`  ${line}`);
  }

  /** Fails unless the server saw exactly so many refreshes, and none of a spent token. */
  async posts(expected, more = {}) {
    const { refresh_posts, reuse_detected } = await this.server.counters();
    const wanted = { refresh_posts: expected, reuse_detected: 0, ...more };
    const got = { refresh_posts, reuse_detected };
    if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`the server saw ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  }
}
