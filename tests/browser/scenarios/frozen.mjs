// Tabs that the browser freezes, hides or keeps: outside of Playwright's defaults, so each test asserts its state.
import { launchChromium, plainChromium } from "../harness/browsers.mjs";
import { check, same, test } from "../harness/registry.mjs";

/** Freezes `tab`, and waits until `witness` can see that it was: the command is answered before it is carried out. */
const freeze = async (tab, witness) => {
  const cdp = await tab.page.context().newCDPSession(tab.page);
  await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
  await witness.run(async () => {
    while (!localStorage.getItem("frozen")) await new Promise(requestAnimationFrame);
  });
  return async () => cdp.send("Page.setWebLifecycleState", { state: "active" });
};

/** Two tabs in a browser that really hides one behind the other. */
async function twoTabs(world, options) {
  await world.start();
  const context = await plainChromium(world);
  const { tabs } = await world.signedIn({ count: 2, context, options });
  const [sleeper, awake] = tabs;
  await sleeper.run(() => {
    window.frozen = 0;
    document.addEventListener("freeze", () => {
      window.frozen++;
      localStorage.setItem("frozen", window.frozen);
    });
  });
  await awake.page.bringToFront();
  await sleeper.run(() => new Promise((resolve) => {
    const look = () => document.visibilityState === "hidden" && resolve();
    document.addEventListener("visibilitychange", look);
    look();
  }));
  return { sleeper, awake };
}

test("b13_a_frozen_tab_that_holds_the_lock_does_not_keep_the_others_from_renewing", async (world) => {
  const options = { lockDeadline: 1000, requestDeadline: 1000, profile: "grace" };
  const { sleeper, awake } = await twoTabs(world, options);
  const { server, api } = world;
  await server.settings({ rotation: { kind: "grace", window_ms: 60_000, replay: "new_pair" } });
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  const slept = sleeper.storm(`${api}/api/items`, 1);
  slept.catch(() => {});
  await server.seen("refresh_granted");
  const thaw = await freeze(sleeper, awake);
  const waiting = awake.storm(`${api}/api/items`, 5);
  await server.seen("refresh_arrived", 2);
  await gate.open();
  same(await waiting, { 200: 5 }, "the outcome of the tab that is awake");
  await thaw();
  same(await slept, { 200: 1 }, "the outcome of the tab that slept");
  same(await sleeper.run(() => frozen), 1, "how often it was frozen");
  const { refresh_posts } = await server.counters();
  check(refresh_posts === 2, `${refresh_posts} POSTs`);
}, { browsers: ["chromium"] });

test("b13_a_frozen_tab_that_waits_for_the_lock_does_not_keep_the_others_from_renewing", async (world) => {
  const { sleeper, awake } = await twoTabs(world, { lockDeadline: 4000, requestDeadline: 1000 });
  const { server, api } = world;
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const leads = awake.storm(`${api}/api/items`, 1);
  await server.seen("refresh_arrived");
  const slept = sleeper.storm(`${api}/api/items`, 1);
  slept.catch(() => {});
  await awake.run(async () => {
    while (!(await navigator.locks.query()).pending.length) await new Promise(requestAnimationFrame);
  });
  const thaw = await freeze(sleeper, awake);
  await gate.open();
  same(await leads, { 200: 1 }, "the outcome of the tab that is awake");
  // Refused are these alone: a frozen page still hears of the others, so its request may go out on waking with the token of
  // the first renewal, which must serve it.
  const refusal = { kind: "status", status: 401, headers: { "www-authenticate": 'Bearer error="invalid_token"' } };
  await server.fault("api", refusal, { times: 5, path: "/api/others" });
  same(await awake.storm(`${api}/api/others`, 5), { 200: 5 }, "its outcome behind the frozen one");
  await thaw();
  same(await slept, { 200: 1 }, "the outcome of the tab that slept");
  same(await sleeper.storm(`${api}/api/items`, 1), { 200: 1 }, "the outcome of its next request");
  same(await sleeper.run(() => frozen), 1, "how often it was frozen");
  const { refresh_posts, reuse_detected } = await server.counters();
  same([refresh_posts, reuse_detected], [2, 0], "POSTs and reuses");
}, { browsers: ["chromium"] });

test("b4_a_page_put_away_for_going_back_does_not_keep_the_lock", async (world) => {
  const browser = await launchChromium(world.settings.chromium, { without: ["--disable-back-forward-cache"] });
  world.later(() => browser.close());
  await world.start();
  world.browser = browser;
  const { server, api } = world;
  await server.settings({ rotation: { kind: "grace", window_ms: 60_000, replay: "new_pair" } });
  const { tabs } = await world.signedIn({ count: 2, options: { profile: "grace" } });
  await tabs[0].run(() => (window.kept = true));
  await tabs[0].page.goto(`${world.site.origin}/blank.html`);
  await tabs[0].page.goBack({ waitUntil: "commit" });
  check(await tabs[0].page.evaluate(() => window.kept === true), "a page with a session is kept for going back");
  same(await tabs[0].storm(`${api}/api/items`, 1), { 200: 1 }, "the outcome after coming back");
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  tabs[0].storm(`${api}/api/items`, 1).catch(() => {});
  await server.seen("refresh_granted");
  await tabs[0].page.goto(`${world.site.origin}/blank.html`);
  const waiting = tabs[1].storm(`${api}/api/items`, 5);
  await server.seen("refresh_arrived", 2);
  await gate.open();
  same(await waiting, { 200: 5 }, "the outcome of the tab that stayed");
  await world.posts(2);
}, { browsers: ["chromium"] });
