// The test kit's server as a program of its own, its orders and its log.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { bounded } from "./bounded.mjs";

/** A running `oneflight testserver`: an authorization server, an API on another port, and a stranger. */
export class Server {
  /** Everything that happened there, in order. */
  log = [];
  #process;
  #waiting = new Set();
  #stop = new AbortController();

  /** Starts one; `cors` is `exposing` or `hiding`. */
  static async start(binary, { cors = "exposing", args = [] } = {}) {
    const server = new Server();
    const line = ["testserver", "--port", "0", "--api-port", "0", "--stranger", "--cors", cors, ...args];
    server.#process = spawn(binary, line, { stdio: ["ignore", "pipe", "ignore"] });
    const found = new Map();
    const complete = (async () => {
      for await (const text of createInterface({ input: server.#process.stdout })) {
        const [name, url] = text.split(/:\s+/, 2);
        found.set(name, url);
        if (name === "clients") return;
      }
      throw new Error(`${binary} ended before it listened`);
    })();
    await bounded(complete, "the test server's start");
    server.issuer = found.get("issuer");
    server.tokenEndpoint = found.get("token endpoint");
    server.revocationEndpoint = found.get("revocation");
    server.api = new URL(found.get("API")).origin;
    server.stranger = new URL(found.get("stranger")).origin;
    server.#follow();
    return server;
  }

  /** Asks the control plane. */
  async order(method, path, body) {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(`${this.issuer}/_control/${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  counters = () => this.order("GET", "counters");
  refreshes = () => this.order("GET", "requests/refresh?after=0");
  requests = () => this.order("GET", "requests/api?after=0");
  settings = (changes) => this.order("PATCH", "settings", changes);
  /** Ends every access token; the pages are not told. */
  expire = () => this.order("POST", "expire", {});
  fault = (point, fault, more = {}) => this.order("POST", "faults", { point, fault, ...more });

  /** A sign-in, as the option that `signIn` takes. `lifetime` in milliseconds is what the server holds to. */
  async tokens({ user, lifetime } = {}) {
    const got = await this.order("POST", "sessions", { user, lifetime_ms: lifetime });
    return { accessToken: got.access_token, refreshToken: got.refresh_token, expiresIn: got.expires_in };
  }

  /** Closes a gate; `open()` lets everything through. */
  async hold(point, stage, more = {}) {
    const { id } = await this.order("POST", "gates", { point, stage, ...more });
    return {
      open: () => this.order("DELETE", `gates/${id}`),
    };
  }

  /** Waits until `fits` of the log is true. */
  async until(what, fits) {
    const found = new Promise((resolve) => {
      const look = () => {
        if (!fits(this.log)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await bounded(found, `the server's log: ${what}`);
  }

  /** Waits until `count` events of the kind `what` (that `fits`, too) are in the log. */
  seen(what, count = 1, fits = () => true) {
    return this.until(`${count} × ${what}`, (log) => log.filter((one) => one.what === what && fits(one)).length >= count);
  }

  async end() {
    this.#stop.abort();
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGKILL");
      await bounded(ended, "the test server's end");
    }
  }

  async #follow() {
    try {
      const answer = await fetch(`${this.issuer}/_control/events?after=0`, { signal: this.#stop.signal });
      let rest = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + piece).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.log.push(JSON.parse(block.split("\n").find((line) => line.startsWith("data: ")).slice(6)));
        for (const look of [...this.#waiting]) look();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) console.error(`the server's log broke off: ${error}`);
    }
  }
}
