// Runs the scenarios: node run.mjs [--rounds N] [--full] [--browser chromium|firefox|webkit] [--only TEXT] [--file TEXT] [--lanes N] [--binary FILE] [--dist FOLDER]
//
// `--reloads N` sets how often the tests of reloads in mid-refresh reload. `--list` prints which scenario shows which line of
// docs/spec.md. The browsers run side by side; within one of them a test has the browser to itself. With `--lanes N` so many
// share it, each with contexts, a server and a site of its own; those that count real time come after them, alone. `--full`:
// all tests run all rounds. Prints the lines of Rust's test runner, so that one reader serves both.
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { bounded } from "./harness/bounded.mjs";
import { launchChromium, launchFirefox } from "./harness/browsers.mjs";
import { tests } from "./harness/registry.mjs";
import { WebKit } from "./harness/webkit.mjs";
import { World } from "./harness/world.mjs";

/** How long one round of one test may take, in milliseconds. */
const ROUND_LIMIT_MS = 150_000;

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
    full: { type: "boolean", default: false },
    reloads: { type: "string", default: "3" },
    lanes: { type: "string", default: "1" },
    list: { type: "boolean", default: false },
    browser: { type: "string", multiple: true, default: ["chromium", "firefox"] },
    only: { type: "string", default: "" },
    file: { type: "string", default: "" },
    binary: { type: "string", default: join(here, "../../target/debug/oneflight") },
    dist: { type: "string", default: join(here, "../../packages/oneflight/dist") },
    chromium: { type: "string", default: process.env.ONEFLIGHT_CHROMIUM ?? "/usr/bin/chromium" },
    firefox: { type: "string", default: process.env.ONEFLIGHT_FIREFOX ?? "/usr/bin/firefox-esr" },
  },
});
const settings = {
  binary: resolve(values.binary),
  dist: resolve(values.dist),
  pages: join(here, "site"),
  chromium: values.chromium,
  firefox: values.firefox,
  reloads: Number(values.reloads),
};
const rounds = Number(values.rounds);
const launchers = {
  chromium: () => launchChromium(settings.chromium),
  firefox: () => launchFirefox(settings.firefox),
  webkit: () => WebKit.launch(process.env.ONEFLIGHT_WEBKIT),
};

const files = (await readdir(join(here, "scenarios"), { recursive: true })).filter((name) => name.endsWith(".mjs"));
for (const file of files.sort().filter((name) => name.includes(values.file))) await import(`./scenarios/${file}`);

if (values.list) {
  const shown = new Map();
  for (const { name } of tests)
    for (const [id] of name.match(/^([a-z]\d+_)*/)[0].matchAll(/[a-z]\d+/g)) shown.set(id, [...(shown.get(id) ?? []), name]);
  const order = ([one], [other]) => "srftlpowb".indexOf(one[0]) - "srftlpowb".indexOf(other[0]) || one.slice(1) - other.slice(1);
  for (const [id, names] of [...shown].sort(order)) console.log(`${id.toUpperCase()}\n  ${names.join("\n  ")}`);
  process.exit(0);
}

/** One round; gives the refreshes that the server saw. */
async function round(test, kind, browser, said) {
  const world = new World(settings, kind, browser, said);
  try {
    await bounded(test.work(world), "the round", ROUND_LIMIT_MS);
    return (await world.server?.counters())?.refresh_posts ?? 0;
  } catch (error) {
    error.log = world.server?.log.slice(-60).map((one) => JSON.stringify(one));
    throw error;
  } finally {
    await world.end();
  }
}

/** How many rounds of a test there are. */
const roundsOf = (test, kind) => (test.once.includes(kind) && !values.full ? 1 : rounds);

async function all(test, kind, browser) {
  const started = performance.now();
  const wanted = roundsOf(test, kind);
  let posts = 0;
  let done = 0;
  const said = [];
  try {
    for (; done < wanted; done++) posts += await round(test, kind, browser, said);
    said.unshift(`test ${kind}::${test.name} ... ok`);
    said.push(`  ${wanted} rounds, ${posts} POSTs, ${Math.round(performance.now() - started)} ms`);
    return { passed: true, posts };
  } catch (error) {
    said.unshift(`test ${kind}::${test.name} ... FAILED`);
    said.push(`  in round ${done + 1}: ${error.stack}`, ...(error.log ?? []).map((line) => `    ${line}`));
    return { passed: false, posts };
  } finally {
    // At once: the other browser prints, too.
    console.log(said.join("\n"));
  }
}

let [passed, failed] = [0, 0];

/** All tests in one browser. */
async function inOne(kind) {
  const chosen = tests.filter((test) => test.browsers.includes(kind) && test.name.includes(values.only));
  const started = performance.now();
  const browser = await launchers[kind]();
  let posts = 0;
  const lane = async (waiting) => {
    for (const test of waiting) {
      const outcome = await all(test, kind, browser);
      posts += outcome.posts;
      outcome.passed ? passed++ : failed++;
    }
  };
  // One list for all lanes: each takes the next.
  const shared = chosen.filter((test) => !test.alone).values();
  await Promise.all(Array.from({ length: Number(values.lanes) }, () => lane(shared)));
  await lane(chosen.filter((test) => test.alone));
  await browser.close();
  const once = chosen.filter((test) => roundsOf(test, kind) < rounds).length;
  const each = `${rounds} rounds each${once > 0 ? ` (${once} of them one)` : ""}`;
  return `${kind} ${browser.version()}: ${chosen.length} tests, ${each}, ${posts} POSTs, ${Math.round((performance.now() - started) / 1000)} s`;
}

console.log((await Promise.all(values.browser.map(inOne))).join("\n"));
console.log(`test result: ${failed === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed; 0 ignored`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
