// A page without a debugger: measures, and posts what it found.
import { createSession } from "/oneflight/index.js";
import * as bindings from "/oneflight/wasm.js";

const query = new URLSearchParams(location.search);
const calls = Number(query.get("calls"));
const starts = Number(query.get("starts"));
const WARM_UP = 200;

/** What one call cost, in milliseconds: the answer read to its end. */
async function cost(call) {
  const start = performance.now();
  await (await call()).arrayBuffer();
  return performance.now() - start;
}

async function fetches() {
  const session = createSession({ refreshUrl: "/refresh", origins: ["self"], renew: "off" });
  await session.signIn({ accessToken: "a".repeat(900), refreshToken: "r", expiresIn: 3600 });
  const headers = { authorization: `Bearer ${"a".repeat(900)}` };
  const ways = {
    bare: () => fetch("/api"),
    again: () => fetch("/api"),
    header: () => fetch("/api", { headers }),
    session: () => session.fetch("/api"),
  };
  const names = Object.keys(ways);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -WARM_UP; round < calls; round += 1) {
    // In another order each time: what comes after what is no advantage.
    const order = names.map((name) => [Math.random(), name]).sort(([one], [other]) => one - other);
    for (const [, name] of order) {
      const took = await cost(ways[name]);
      if (round >= 0) times[name].push(took);
    }
  }
  return times;
}

/** The module with a custom section more: engines keep what they compiled, and would be asked for the same bytes again. */
function unlike(bytes, number) {
  const section = [0, 4, 1, "n".charCodeAt(0), number & 127, (number >> 7) & 127];
  const whole = new Uint8Array(bytes.byteLength + section.length);
  whole.set(new Uint8Array(bytes));
  whole.set(section, bytes.byteLength);
  return whole;
}

async function modules() {
  const downloads = [];
  const compiles = [];
  const instantiations = [];
  for (let start = 0; start < starts; start += 1) {
    const begin = performance.now();
    const bytes = await (await fetch(`/oneflight/oneflight.wasm?${start}`, { cache: "no-store" })).arrayBuffer();
    const there = performance.now();
    const other = unlike(bytes, start);
    const begun = performance.now();
    const module = await WebAssembly.compile(other);
    const compiled = performance.now();
    await WebAssembly.instantiate(module, { a: bindings });
    const ready = performance.now();
    downloads.push(there - begin);
    compiles.push(compiled - begun);
    instantiations.push(ready - compiled);
  }
  return { downloads, compiles, instantiations };
}

const found = { isolated: crossOriginIsolated, times: await fetches(), modules: await modules() };
await fetch("/found", { method: "POST", body: JSON.stringify(found) });
