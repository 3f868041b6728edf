// Starting the two browsers.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, firefox } from "playwright-core";

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
