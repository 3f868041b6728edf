// Tries one example: node run.mjs BROWSER NAME SERVE_SCRIPT ARGUMENTS...
//
// NAME.mjs beside this file gets a browser context, the page's address and the server's orders. Prints the lines of Rust's
// test runner, so that one reader serves both.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { bounded } from "../harness/bounded.mjs";
import { launchChromium, launchFirefox } from "../harness/browsers.mjs";

const [kind, name, ...line] = process.argv.slice(2);
const launchers = {
  chromium: () => launchChromium(process.env.ONEFLIGHT_CHROMIUM ?? "/usr/bin/chromium"),
  firefox: () => launchFirefox(process.env.ONEFLIGHT_FIREFOX ?? "/usr/bin/firefox-esr"),
};

/** The example as its command serves it, on a free port. */
async function serve() {
  const child = spawn(process.execPath, [...line, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const found = {};
  const complete = (async () => {
    for await (const text of createInterface({ input: child.stdout })) {
      const [what, url] = text.split(/:\s+/, 2);
      found[what] = url;
      if (what === "control") return;
    }
    throw new Error("the example ended before it listened");
  })();
  await bounded(complete, "the example's start");
  const end = async () => {
    child.kill();
    await bounded(ended, "the example's end");
  };
  return { ...found, end };
}

/** What a test is given. */
class Shown {
  constructor(context, { page, control }) {
    this.kind = kind;
    this.context = context;
    this.url = page;
    this.control = control;
  }

  /** A new tab of the example. */
  async open() {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => console.log(`  the page: ${error.stack}`));
    await page.goto(this.url);
    return page;
  }

  async order(method, path, body) {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(new URL(path, this.control), { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  counters = () => this.order("GET", "counters");
}

const site = await serve();
const browser = await launchers[kind]();
const { tests } = await import(`./${name}.mjs`);
let failed = 0;
for (const [title, work] of Object.entries(tests)) {
  const context = await browser.newContext();
  const started = performance.now();
  try {
    await bounded(work(new Shown(context, site)), title);
    console.log(`test examples::${kind}::${name}::${title} ... ok`);
    console.log(`  ${Math.round(performance.now() - started)} ms`);
  } catch (error) {
    failed += 1;
    console.log(`test examples::${kind}::${name}::${title} ... FAILED`);
    console.log(`  ${error.stack}`);
  }
  await context.close();
}
await browser.close();
await site.end();
console.log(`test result: ${failed === 0 ? "ok" : "FAILED"}. ${Object.keys(tests).length - failed} passed; ${failed} failed; 0 ignored`);
process.exit(failed === 0 ? 0 : 1);
