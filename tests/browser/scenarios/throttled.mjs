// Tabs in the background, whose timers are throttled, and what falls due meanwhile.
import { plainChromium } from "../harness/browsers.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

const HOURS = 3_600_000;

/** Milliseconds that a chain of short timers takes in a page: a second each where timers are throttled. */
const chain = () =>
  new Promise((resolve) => {
    const started = performance.now();
    let left = 4;
    const next = () => (left-- > 0 ? setTimeout(next, 10) : resolve(performance.now() - started));
    next();
  });

/** Tabs with a session that sees to being fresh, all of them behind another one. */
async function behind(world, count, options) {
  await world.start();
  const context = await plainChromium(world);
  const { tabs } = await world.signedIn({ count, context, options });
  const front = await context.newPage();
  await front.bringToFront();
  for (const tab of tabs) {
    await tab.run(() => new Promise((resolve) => {
      const look = () => document.visibilityState === "hidden" && resolve();
      document.addEventListener("visibilitychange", look);
      look();
    }));
    const millis = await tab.run(chain);
    check(millis > 900, `the timers of a hidden tab are throttled: four took ${Math.round(millis)} ms`);
  }
  return { tabs, front };
}

const jump = (tabs, by) => Promise.all(tabs.map((tab) => tab.jump(by)));

test("b6_t4_hidden_tabs_renew_on_waking_after_a_jump_of_the_clock_and_once", async (world) => {
  const { tabs } = await behind(world, 2, { renew: "keep-fresh" });
  const [first, second] = tabs;
  const { generation } = await first.snapshot();
  await jump(tabs, 8 * HOURS);
  await world.posts(0);
  await first.page.bringToFront();
  await first.newer(generation);
  await second.page.bringToFront();
  await second.newer(generation);
  for (const tab of tabs) same(await tab.storm(`${world.api}/api/items`, 5), { 200: 5 }, "a tab's outcome");
  await world.posts(1);
}, { browsers: ["chromium"] });

test("b6_s4_requests_of_hidden_tabs_after_a_jump_of_the_clock_make_one_post", async (world) => {
  const { tabs } = await behind(world, 3, {});
  await jump(tabs, 8 * HOURS);
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${world.api}/api/items`, 10)));
  for (const outcome of outcomes) same(outcome, { 200: 10 }, "a tab's outcome");
  for (const tab of tabs) same(await tab.run(() => document.visibilityState), "hidden", "where the tab is");
  await world.posts(1);
  same((await world.server.counters()).api_requests, 30, "each request is sent once");
}, { browsers: ["chromium"] });

test("b6_t5_a_hidden_tab_keeps_nothing_fresh_until_it_is_seen", async (world) => {
  const tokens = async () => world.server.tokens({ lifetime: 4000 });
  const { tabs } = await behind(world, 1, { renew: "keep-fresh" });
  const [tab] = tabs;
  await tab.signIn(await tokens());
  const { generation, expiresAt } = await tab.snapshot();
  // Its timers are throttled, the clock is real: the token runs out.
  await tab.run((end) => new Promise((resolve) => {
    const look = () => (Date.now() > end ? resolve() : setTimeout(look, 100));
    look();
  }), expiresAt);
  await world.posts(0);
  await tab.page.bringToFront();
  await tab.newer(generation);
  await world.posts(1);
}, { browsers: ["chromium"], once: BOTH });

test("b6_t4_tabs_that_wake_together_after_a_jump_of_the_clock_renew_once", async (world) => {
  await world.start();
  const context = await world.context();
  const { tabs } = await world.signedIn({ count: 4, context, options: { renew: "keep-fresh" } });
  const { generation } = await tabs[0].snapshot();
  await jump(tabs, 8 * HOURS);
  await Promise.all(tabs.map((tab) => tab.run(() => {
    for (const type of ["visibilitychange", "resume"]) document.dispatchEvent(new Event(type));
    for (const type of ["pageshow", "focus", "online"]) window.dispatchEvent(new Event(type));
  })));
  await Promise.all(tabs.map((tab) => tab.newer(generation)));
  for (const tab of tabs) same(await tab.storm(`${world.api}/api/items`, 5), { 200: 5 }, "a tab's outcome");
  await world.posts(1);
});
