// The measurements in Chromium: node run.mjs [--calls N] [--starts N] [--rounds N] [--tabs N] [--peers FOLDER] [--only PART]
//
// PART: fetch (what session.fetch adds, and how long the module takes to start; no debugger is attached), release (from the
// answer to the last of all waiters), size (beside the peers).
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { loadavg, tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { gzipSync } from "node:zlib";

import { bounded } from "../harness/bounded.mjs";
import { launchChromium } from "../harness/browsers.mjs";
import { World } from "../harness/world.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "2500" },
    starts: { type: "string", default: "50" },
    rounds: { type: "string", default: "50" },
    tabs: { type: "string", default: "10" },
    only: { type: "string", default: "" },
    peers: { type: "string", default: "" },
    binary: { type: "string", default: join(here, "../../../target/debug/oneflight") },
    dist: { type: "string", default: join(here, "../../../packages/oneflight/dist") },
    chromium: { type: "string", default: process.env.ONEFLIGHT_CHROMIUM ?? "/usr/bin/chromium" },
  },
});
const site = join(here, "site");
const dist = resolve(values.dist);
const SOLO_LIMIT_MS = 300_000;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm" };

const part = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ordered = (numbers) => [...numbers].sort((one, other) => one - other);
const median = (numbers) => part(ordered(numbers), 0.5);

/** The median, and the ranks that hold it in 95 of 100 runs (no distribution is assumed). */
function interval(numbers) {
  const sorted = ordered(numbers);
  const half = (1.96 * Math.sqrt(sorted.length)) / 2;
  const at = (rank) => sorted[Math.max(0, Math.min(sorted.length - 1, Math.round(rank)))];
  return { middle: part(sorted, 0.5), low: at(sorted.length / 2 - half), high: at(sorted.length / 2 + half) };
}

const micros = (millis) => `${(millis * 1000).toFixed(0)} µs`;
const load = () => `load ${loadavg()[0].toFixed(1)}`;

/** A page in a Chromium that nothing drives; resolves with what it posts. */
async function solo() {
  const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  let post;
  const posted = new Promise((resolve) => (post = resolve));
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    if (pathname === "/api") return response.writeHead(200, { "cache-control": "no-store", ...isolated }).end("{}");
    if (pathname === "/found") {
      let text = "";
      for await (const piece of request) text += piece;
      response.writeHead(204, isolated).end();
      return post(JSON.parse(text));
    }
    const file = pathname.startsWith("/oneflight/") ? join(dist, pathname.slice("/oneflight/".length)) : join(site, pathname);
    const body = await readFile(file).catch(() => undefined);
    if (!body) return response.writeHead(404, isolated).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain", ...isolated }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const profile = await mkdtemp(join(tmpdir(), "oneflight-bench-"));
  const url = `http://127.0.0.1:${server.address().port}/solo.html?calls=${values.calls}&starts=${values.starts}`;
  const chromium = spawn(values.chromium, [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
  const ended = new Promise((resolve) => chromium.once("exit", resolve));
  try {
    return await bounded(posted, "the page's figures", SOLO_LIMIT_MS);
  } finally {
    chromium.kill();
    await bounded(ended, "Chromium's end");
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function fetches() {
  const { isolated, times, modules } = await solo();
  if (!isolated) throw new Error("the page is not isolated, so its clock is too coarse");
  const count = times.bare.length;
  console.log(`\nsession.fetch with a valid token, ${count} rounds in shuffled order, answers over loopback (${load()})`);
  console.log(`  bare fetch, median                ${micros(median(times.bare))}`);
  const rows = [
    ["A/A: the same, once more", "again", "bare"],
    ["bare fetch with the header", "header", "bare"],
    ["session.fetch", "session", "bare"],
    ["session.fetch, over that with header", "session", "header"],
  ];
  for (const [name, one, other] of rows) {
    const { middle, low, high } = interval(times[one].map((time, round) => time - times[other][round]));
    console.log(`  ${name.padEnd(36)} + ${micros(middle)} (95 %: ${micros(low)} to ${micros(high)}), median of paired differences`);
  }
  const { downloads, compiles, instantiations } = modules;
  const whole = compiles.map((time, start) => time + instantiations[start]);
  const show = (numbers) => `p50 ${median(numbers).toFixed(2)} ms, p99 ${part(ordered(numbers), 0.99).toFixed(2)} ms`;
  console.log(`\nthe module, ${compiles.length} starts from bytes in memory`);
  console.log(`  compile                           ${show(compiles)}`);
  console.log(`  instantiate                       ${show(instantiations)}`);
  console.log(`  both                              ${show(whole)}`);
  console.log(`  download over loopback, apart     ${show(downloads)}`);
}

/** The floor: when each of as many requests is sent again by pages that only wait for a word. */
async function together(tabs, url, requests) {
  const storms = tabs.map((tab) => tab.run(([url, count]) => bare(url, count), [url, requests]));
  await Promise.all(tabs.map((tab) => bounded(tab.page.waitForFunction(() => window.isListening), "a tab that listens")));
  const said = await tabs[0].run(() => say());
  const outcomes = await Promise.all(storms);
  if (!outcomes.every(({ well }) => well)) throw new Error("a request of bare fetch was not answered with 200");
  return outcomes.flatMap(({ again }) => again.map((time) => time - said));
}

async function releases() {
  const tabs = Number(values.tabs);
  const requests = 50;
  const rounds = Number(values.rounds);
  const browser = await launchChromium(values.chromium);
  const settings = { binary: resolve(values.binary), dist, pages: site };
  const world = new World(settings, "chromium", browser, []);
  const [ours, bare] = [{ lasts: [], each: [] }, { lasts: [], each: [] }];
  const note = ({ lasts, each }, waits) => {
    if (waits.length !== tabs * requests) throw new Error(`${waits.length} requests were sent again`);
    each.push(...waits);
    lasts.push(Math.max(...waits));
  };
  try {
    await world.start();
    const { server, api } = world;
    const signed = await world.signedIn({ count: tabs });
    for (let round = 0; round < rounds; round += 1) {
      // A new session each time: refusals that cause too many renewals of one are taken for a fault of the API.
      const before = await Promise.all(signed.tabs.map((tab) => tab.snapshot()));
      await signed.tabs[0].signIn(await server.tokens());
      await Promise.all(signed.tabs.map((tab, index) => tab.newer(before[index].generation)));
      await server.expire();
      const from = server.log.length;
      const since = (what, fits = () => true) => (log) => log.slice(from).filter((one) => one.what === what && fits(one)).length;
      const gate = await server.hold("refresh", "arrival");
      const storms = signed.tabs.map((tab) => tab.storm(`${api}/api/items`, requests));
      const refused = since("api_answered", (one) => one.status === 401);
      await server.until("all refused", (log) => refused(log) >= tabs * requests && since("refresh_arrived")(log) >= 1);
      await gate.open();
      const outcomes = await Promise.all(storms);
      if (!outcomes.every(({ well }) => well)) throw new Error("a request was not answered with 200");
      const [answered, ...more] = outcomes.map(({ answered }) => answered).filter((time) => time !== undefined);
      if (more.length > 0) throw new Error("there was more than one refresh");
      note(ours, outcomes.flatMap(({ again }) => again.map((time) => time - answered)));
      note(bare, await together(signed.tabs, `${api}/api/items`, requests));
    }
    await world.posts(rounds);
  } finally {
    await world.end();
    await browser.close();
  }
  const show = (numbers) => `p50 ${median(numbers).toFixed(1)} ms, p99 ${part(ordered(numbers), 0.99).toFixed(1)} ms`;
  console.log(`\nfrom the answer to the release of ${tabs * requests} waiters in ${tabs} tabs, ${rounds} rounds, ${rounds} POSTs (${load()})`);
  for (const [name, { lasts, each }] of [["", ours], [", bare fetch on one word of one tab", bare]]) {
    console.log(`  ${`the last one${name}`.padEnd(48)} ${show(lasts)}`);
    console.log(`  ${`each${name}`.padEnd(48)} ${show(each)}`);
  }
}

async function sizes() {
  const { stdout } = await promisify(execFile)(process.execPath, [join(here, "sizes.mjs"), resolve(values.peers)], { maxBuffer: 2 ** 24 });
  const peers = JSON.parse(stdout);
  const { build } = await import(join(resolve(values.peers), "node_modules/esbuild/lib/main.js"));
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", write: false };
  const { outputFiles } = await build({ ...options, entryPoints: [join(dist, "index.js")] });
  const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;
  const wasm = gzip(await readFile(join(dist, "oneflight.wasm")));
  const ours = { name: "oneflight", version: "", bytes: wasm + gzip(outputFiles[0].contents), note: `${(wasm / 1024).toFixed(1)} KB of it WASM` };
  console.log("\nsize, minified by esbuild, gzip -9");
  for (const { name, version, bytes, note } of [...peers, ours].sort((one, other) => one.bytes - other.bytes))
    console.log(`  ${`${name} ${version}`.padEnd(36)} ${(bytes / 1024).toFixed(1).padStart(5)} KB  ${note}`);
}

const parts = { fetch: fetches, release: releases, size: sizes };
for (const [name, measure] of Object.entries(parts)) if (name.includes(values.only)) await measure();
