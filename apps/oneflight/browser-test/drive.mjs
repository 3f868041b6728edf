// Drives the page of `oneflight demo` in a real Chromium and prints what it showed, one JSON object a line.
//
// node drive.mjs URL CHROMIUM NODE_MODULES [SCREENSHOT]
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [url, executablePath, modules, screenshot] = process.argv.slice(2);
const { chromium } = createRequire(resolve(modules, "x.js"))("playwright-core");

const FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const CLIENTS = ["naive", "textbook", "oneflight"];
const say = (about, what) => console.log(JSON.stringify({ about, ...what }));

const browser = await chromium.launch({ executablePath, args: FLAGS.split(" ") });
const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
const troubles = [];
const foreign = [];
// Only the clients in tabs talk to the test servers of the flights, whose refusals Chromium writes down as errors.
let isInTabs = false;
const isStage = (about) => isInTabs && about.startsWith("http://127.0.0.1:") && !about.startsWith(url);
page.on("console", (message) => {
  const isRefusal = message.text().startsWith("Failed to load resource") && isStage(message.location().url);
  if (message.type() === "error" && !isRefusal) troubles.push(message.text());
});
page.on("pageerror", (error) => troubles.push(String(error)));
page.on("request", (request) => {
  const asked = request.url();
  if (!asked.startsWith(url) && !asked.startsWith("data:") && !isStage(asked)) foreign.push(asked);
});

const choose = (client) => page.locator(`[name=client][value=${client}]`).check({ force: true });
const over = () => page.waitForFunction(() => ["good", "bad"].includes(document.getElementById("verdict").dataset.tone), null, { timeout: 60_000 });
const text = (id) => page.locator(`#${id}`).textContent();

async function shown() {
  return {
    client: await page.locator("[name=client]:checked").getAttribute("value"),
    scenario: await page.locator("[data-scenario][aria-pressed=true]").getAttribute("data-scenario"),
    tone: await page.locator("#verdict").getAttribute("data-tone"),
    words: await text("words"),
    because: await text("because"),
    refresh_posts: Number(await text("refresh-posts")),
    reuse_detected: Number(await text("reuse-detected")),
    family: await text("family"),
    api: await text("api"),
    lanes: await page.locator(".lane").count(),
    bands: await page.locator("rect.band").count(),
    ends: {
      ok: await page.locator(".lane .end.ok").count(),
      unauthorized: await page.locator(".lane .end.unauthorized").count(),
      failed: await page.locator(".lane .end.failed").count(),
    },
    groups: await page.locator(".group").allTextContents(),
    label: await page.locator(".picture svg").getAttribute("aria-label"),
  };
}

async function flights() {
  const scenarios = await page.locator("[data-scenario]").evaluateAll((buttons) => buttons.map((button) => button.dataset.scenario));
  for (const scenario of scenarios)
    for (const client of CLIENTS) {
      await choose(client);
      await page.click(`[data-scenario=${scenario}]`);
      await page.waitForFunction(() => document.getElementById("verdict").dataset.tone === "busy");
      await over();
      say("flight", await shown());
    }
  say("board", { cells: await page.locator("#board td[data-tone]").count() });
}

// From the top of the page with Tab, arrows and Enter alone.
async function keyboard() {
  await page.reload();
  await page.selectOption("#requests", "20");
  await page.locator("[name=client]:checked").focus();
  for (let step = 0; step < 3 && (await page.locator("[name=client]:checked").getAttribute("value")) !== "textbook"; step++)
    await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.dataset.scenario);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("verdict").dataset.tone === "busy");
  await over();
  say("keyboard", { focused, ...(await shown()) });
}

// One press, three clients.
async function comparison() {
  await page.click("#compare");
  await page.waitForFunction(() => document.querySelectorAll("#board tbody tr:first-child td[data-tone]").length === 3 && document.getElementById("verdict").dataset.tone !== "busy", null, { timeout: 60_000 });
  say("comparison", { cells: await page.locator("#board tbody tr:first-child td").allTextContents() });
}

// A page that comes later is told the story from the start.
async function latecomer() {
  const other = await browser.newPage();
  await other.goto(url);
  await other.waitForFunction(() => ["good", "bad"].includes(document.getElementById("verdict").dataset.tone));
  say("latecomer", { words: await other.locator("#words").textContent(), lanes: await other.locator(".lane").count() });
  await other.close();
}

async function openTabs(home, count) {
  for (let opened = 1; opened < count; opened++) {
    const opening = home.context().waitForEvent("page");
    await home.click("#open-tab");
    const tab = await opening;
    tab.on("pageerror", (error) => troubles.push(String(error)));
    await home.bringToFront();
    await home.waitForFunction((text) => document.getElementById("tabs").textContent === text, `${opened + 1} tabs`);
  }
}

async function fly(home, client, scenario) {
  await home.locator(`[name=client][value=${client}]`).check({ force: true });
  await home.click(`[data-scenario=${scenario}]`);
  await home.waitForFunction(() => document.getElementById("verdict").dataset.tone === "busy");
  await home.waitForFunction(() => ["good", "bad"].includes(document.getElementById("verdict").dataset.tone), null, { timeout: 60_000 });
}

// In three tabs of this browser; then in two, when one was closed.
async function inTabs() {
  isInTabs = true;
  await page.reload();
  await openTabs(page, 3);
  await page.selectOption("#requests", "50");
  const all = ["storm", "late-401", "lost-answer", "outage", "sign-out", "always-401"].map((scenario) => ["oneflight", scenario]);
  for (const [client, scenario] of [...all, ["naive", "storm"], ["textbook", "storm"], ["textbook", "late-401"]]) {
    await fly(page, client, scenario);
    say("tabs", await shown());
  }
  await page.context().pages().at(-1).close();
  await page.waitForFunction(() => document.getElementById("tabs").textContent === "2 tabs");
  await fly(page, "oneflight", "storm");
  say("closed", { tabs: await page.locator(".group").count(), words: await text("words") });
}

// For the README: the same scenario with each client, side by side.
async function portrait(path) {
  const small = await browser.newPage({ viewport: { width: 600, height: 900 } });
  await small.goto(url);
  await small.selectOption("#requests", "50");
  const cards = [];
  for (const client of CLIENTS) {
    await small.locator(`[name=client][value=${client}]`).check({ force: true });
    await small.click("[data-scenario=late-401]");
    await small.waitForFunction(() => document.getElementById("verdict").dataset.tone === "busy");
    await small.waitForFunction(() => ["good", "bad"].includes(document.getElementById("verdict").dataset.tone));
    cards.push((await small.locator(".flight").screenshot()).toString("base64"));
  }
  await hang(cards, path);
  // And with three tabs, which only the browser has.
  await openTabs(small, 3);
  cards.length = 0;
  for (const client of CLIENTS) {
    await fly(small, client, "storm");
    cards.push((await small.locator(".flight").screenshot()).toString("base64"));
  }
  await hang(cards, path.replace(/(\.\w+)$/, "-tabs$1"));
}

async function hang(cards, path) {
  const sheet = await browser.newPage({ viewport: { width: 1764, height: 1200 } });
  const pictures = cards.map((card) => `<img style="display:block" src="data:image/png;base64,${card}">`).join("");
  await sheet.setContent(`<body style="margin:0;background:#f6f5f1"><div style="display:inline-flex;gap:10px;padding:10px;background:#f6f5f1">${pictures}</div>`);
  await sheet.waitForFunction(() => [...document.images].every((image) => image.complete));
  await sheet.locator("div").screenshot({ path });
}

try {
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById("link").dataset.state === "live");
  if (screenshot) await portrait(screenshot);
  else {
    await flights();
    await keyboard();
    await comparison();
    await latecomer();
    await inTabs();
  }
  say("clean", { troubles, foreign });
} finally {
  await browser.close();
}
