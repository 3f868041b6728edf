// WebKitGTK, which Playwright does not drive on Debian: its own WebDriver, MiniBrowser, and a screen for it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { bounded } from "./bounded.mjs";

/** How often it is looked whether the driver listens, in milliseconds. */
const LOOK_MS = 50;
const START_MS = 20_000;

/** Where Debian puts MiniBrowser: below a folder that is named by the machine and one by the version. */
export async function findMiniBrowser(lib = "/usr/lib") {
  for (const machine of await readdir(lib))
    for (const name of await readdir(join(lib, machine)).catch(() => []))
      if (name.startsWith("webkit2gtk-4.") && (await readdir(join(lib, machine, name))).includes("MiniBrowser")) return join(lib, machine, name, "MiniBrowser");
  throw new Error("there is no MiniBrowser: install webkit2gtk-driver and xvfb");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class WebKit {
  #url;
  #session;
  #ending = [];
  #version;

  static async launch(binary) {
    const webkit = new WebKit();
    try {
      await bounded(webkit.#start(binary), "WebKit's start", START_MS);
    } catch (error) {
      await webkit.close();
      throw error;
    }
    return webkit;
  }

  async #start(binary) {
    const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    this.#endWith(screen);
    const [display] = await once(screen.stdio[3], "data");
    const port = await freePort();
    const env = { ...process.env, DISPLAY: `:${String(display).trim()}` };
    this.#endWith(spawn("WebKitWebDriver", [`--port=${port}`], { env, stdio: "ignore" }));
    this.#url = `http://127.0.0.1:${port}`;
    for (;;) {
      const answer = await fetch(`${this.#url}/status`).catch(() => undefined);
      if (answer?.ok) break;
      // It says nothing when it listens.
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    const options = { binary: binary || (await findMiniBrowser()), args: ["--automation"] };
    const session = await this.#order("POST", "/session", { capabilities: { alwaysMatch: { "webkitgtk:browserOptions": options } } });
    this.#session = `/session/${session.sessionId}`;
    this.#version = session.capabilities.browserVersion;
  }

  #endWith(program) {
    const ended = once(program, "exit");
    this.#ending.push(async () => {
      program.kill();
      await bounded(ended, "the end of WebKit");
    });
  }

  async #order(method, path, body) {
    const answer = await fetch(this.#url + path, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`WebDriver, ${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  version() {
    return this.#version;
  }

  /** A new tab that shows `url`; all tabs share one storage. */
  async tab(url) {
    const { handle } = await this.#order("POST", `${this.#session}/window/new`, { type: "tab" });
    await this.#order("POST", `${this.#session}/window`, { handle });
    await this.#order("POST", `${this.#session}/url`, { url });
    /** Runs `work` in the page and gives what it resolves with. One at a time, whichever tab. */
    const run = async (work, ...args) => {
      await this.#order("POST", `${this.#session}/window`, { handle });
      const script = `const done = arguments[arguments.length - 1];
        Promise.resolve((${work})(...Array.from(arguments).slice(0, -1))).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value, error } = await this.#order("POST", `${this.#session}/execute/async`, { script, args });
      if (error) throw new Error(error);
      return value;
    };
    return { run };
  }

  async close() {
    if (this.#session) await this.#order("DELETE", this.#session).catch(() => undefined);
    for (const end of this.#ending.reverse()) await end();
  }
}
