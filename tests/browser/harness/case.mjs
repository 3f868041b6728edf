// The cases that every client of this project passes: see tests/src/cases, whose names and files these are.

import { BOTH, test as register } from "./registry.mjs";

/** A case: one page that takes one step after the other. */
export const test = (name, work) => register(name, work, { once: BOTH });

/** How long the server's access tokens live, in milliseconds. */
export const LIFETIME = 900_000;

/** One tab with a session, on a server with these `settings`. */
export class Case {
  /** `signedIn: false`: nobody is. */
  static async of(world, { settings, options, signedIn = true } = {}) {
    const one = new Case();
    one.world = world;
    await world.start();
    one.server = world.server;
    if (settings) await one.server.settings(settings);
    const context = await world.context();
    one.tab = await world.open(context);
    await one.tab.begin(world.options(options));
    if (signedIn) await one.signIn();
    return one;
  }

  /** As a session whose token the API refuses without its knowing. */
  static async refused(world, more) {
    const one = await Case.of(world, more);
    await one.server.expire();
    return one;
  }

  get notes() {
    return `${this.world.api}/api/notes`;
  }

  async signIn(user) {
    const tokens = await this.server.tokens({ user });
    await this.tab.signIn(tokens);
    return tokens;
  }

  /** Sends to a path of the API, or to a URL; see `send` of the page. */
  send(id, { to = this.notes, ...init } = {}) {
    return this.tab.send(to.startsWith("/") ? `${this.world.api}${to}` : to, { id, ...init });
  }

  /** Lets the first tokens run out, for the API and for the session. */
  async expire() {
    await this.server.expire();
    await this.tab.jump(LIFETIME, LIFETIME);
  }

  /** Lets the renewal of the first tokens become due, while they can still be sent. */
  becomeDue = () => this.tab.jump(LIFETIME * 0.8, LIFETIME * 0.8);

  /** What the API saw of the requests with this id, in the order they came. */
  seen = async (id) => (await this.server.requests()).filter((one) => one.request_id === id);

  /** Which token each of them carried: 1 is the first of its grant; `null`: none of ours. */
  sequences = async (id) => (await this.seen(id)).map(({ credentials }) => credentials.sequence ?? null);

  counters = () => this.server.counters();
  posts = (expected, more) => this.world.posts(expected, more);
}
