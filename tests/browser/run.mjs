// Runs the scenarios: node run.mjs [--rounds N] [--browser chromium|firefox] [--only TEXT] [--file TEXT] [--binary FILE] [--dist FOLDER]
//
// Prints the lines of Rust's test runner, so that one reader serves both.
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { bounded } from "./harness/bounded.mjs";
import { launchChromium, launchFirefox } from "./harness/browsers.mjs";
import { tests } from "./harness/registry.mjs";
import { World } from "./harness/world.mjs";

/** How long one round of one test may take, in milliseconds. */
const ROUND_LIMIT_MS = 150_000;

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
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
};
const rounds = Number(values.rounds);
const launchers = { chromium: () => launchChromium(settings.chromium), firefox: () => launchFirefox(settings.firefox) };

for (const file of (await readdir(join(here, "scenarios"))).sort().filter((name) => name.includes(values.file))) await import(`./scenarios/${file}`);

/** One round; gives the refreshes that the server saw. */
async function round(test, kind, browser) {
  const world = new World(settings, kind, browser);
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

async function all(test, kind, browser) {
  const started = performance.now();
  let posts = 0;
  let done = 0;
  try {
    for (; done < rounds; done++) posts += await round(test, kind, browser);
    console.log(`test ${kind}::${test.name} ... ok`);
    console.log(`  ${rounds} rounds, ${posts} POSTs, ${Math.round(performance.now() - started)} ms`);
    return { passed: true, posts };
  } catch (error) {
    console.log(`test ${kind}::${test.name} ... FAILED`);
    console.log(`  in round ${done + 1}: ${error.stack}`);
    for (const line of error.log ?? []) console.log(`    ${line}`);
    return { passed: false, posts };
  }
}

let [passed, failed] = [0, 0];
for (const kind of values.browser) {
  const chosen = tests.filter((test) => test.browsers.includes(kind) && test.name.includes(values.only));
  const started = performance.now();
  const browser = await launchers[kind]();
  let posts = 0;
  for (const test of chosen) {
    const outcome = await all(test, kind, browser);
    posts += outcome.posts;
    outcome.passed ? passed++ : failed++;
  }
  await browser.close();
  console.log(`${kind} ${browser.version()}: ${chosen.length} tests, ${rounds} rounds each, ${posts} POSTs, ${Math.round((performance.now() - started) / 1000)} s`);
}
console.log(`test result: ${failed === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed; 0 ignored`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
