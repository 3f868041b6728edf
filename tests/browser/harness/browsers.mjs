// Starting the two browsers.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { chromium, firefox } from "playwright-core";

import { bounded } from "./bounded.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium with Playwright's defaults, less those in `without`. */
export const launchChromium = (executablePath, { args = [], without = [] } = {}) =>
  chromium.launch({ executablePath, args: [...FLAGS, ...args], ignoreDefaultArgs: without });

export const launchFirefox = (executablePath, { prefs = {} } = {}) =>
  firefox.launch({ channel: "moz-firefox", executablePath, firefoxUserPrefs: prefs });

/** A folder that is gone at the end of the test. */
export async function folder(world) {
  const path = await mkdtemp(join(tmpdir(), "oneflight-browser-"));
  world.later(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A context whose profile has these `preferences`. */
export async function persistentChromium(world, preferences) {
  const path = await folder(world);
  await mkdir(join(path, "Default"));
  await writeFile(join(path, "Default/Preferences"), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(path, { executablePath: world.settings.chromium, args: FLAGS });
  world.later(() => context.close());
  return context;
}

/** The context of a Chromium without any of Playwright's defaults: tabs hide each other, are throttled, and freeze. */
export async function plainChromium(world) {
  const path = await folder(world);
  const args = ["--headless", ...FLAGS, "--remote-debugging-port=0", `--user-data-dir=${path}`, "about:blank"];
  const process = spawn(world.settings.chromium, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => process.once("exit", resolve));
  world.later(async () => {
    process.kill();
    await bounded(ended, "Chromium's end");
  });
  const address = (async () => {
    for await (const line of createInterface({ input: process.stderr })) {
      const [, found] = line.match(/DevTools listening on (\S+)/) ?? [];
      if (found) return found;
    }
    throw new Error("Chromium ended before it listened");
  })();
  const browser = await chromium.connectOverCDP(await bounded(address, "Chromium's start"), { noDefaults: true });
  world.later(() => browser.close());
  process.stderr.resume();
  return browser.contexts()[0];
}
