// Lifetimes, outages and clocks.
import { BOTH, check, same, test } from "../harness/registry.mjs";

test("b1_t3_tokens_of_one_second_and_of_forty_days_do_not_loop", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ tokens: await server.tokens({ lifetime: 40 * 86_400_000 }), options: { renew: "keep-fresh" } });
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome with 40 days");
  await world.posts(0);
  await server.settings({ access_token_lifetime_ms: 1000 });
  await server.expire();
  const started = Date.now();
  for (let n = 0; n < 10; n++) same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome with a second");
  const seconds = Math.ceil((Date.now() - started) / 1000);
  const { refresh_posts, reuse_detected } = await server.counters();
  check(refresh_posts >= 1 && refresh_posts <= 2 * seconds + 1 && reuse_detected === 0, `${refresh_posts} POSTs in ${seconds} s`);
}, { once: BOTH, alone: true });

test("b1_f3_offline_keeps_the_session_and_online_again_it_works", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  await context.clock.install();
  const { tabs } = await world.signedIn({ context });
  await context.clock.setSystemTime(Date.now() + 3_600_000);
  await context.setOffline(true);
  const { error } = await tabs[0].token();
  check(["transient", "ambiguous"].includes(error.code) && error.action === "retry-later", JSON.stringify(error));
  same(await tabs[0].status(), "signed-in", "the status");
  await context.setOffline(false);
  await tabs[0].run(() => session.retryNow());
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome online");
  await world.posts(1);
});

test("b1_t1_t5_a_session_kept_fresh_renews_at_three_quarters_of_the_lifetime_once_per_period", async (world) => {
  const LIFETIME = 900_000;
  await world.start();
  const context = await world.context();
  await context.clock.install();
  const { tabs } = await world.signedIn({ context, count: 2, options: { renew: "keep-fresh" } });
  const { generation } = await tabs[0].snapshot();
  await context.clock.fastForward(LIFETIME * 0.6);
  await world.posts(0);
  await context.clock.fastForward(LIFETIME * 0.16);
  await Promise.all(tabs.map((tab) => tab.newer(generation)));
  await world.posts(1);
  await context.clock.fastForward(LIFETIME * 0.5);
  await world.posts(1);
}, { once: BOTH });

test("b1_t3_no_timer_is_longer_than_browsers_count", async (world) => {
  await world.start();
  const context = await world.context();
  await context.addInitScript(() => {
    const set = window.setTimeout;
    window.timers = [];
    window.setTimeout = (work, wait, ...rest) => {
      timers.push(wait);
      return set(work, wait, ...rest);
    };
  });
  const tokens = { ...(await world.server.tokens()), expiresIn: 10 * 365 * 86_400 };
  const { tabs } = await world.signedIn({ context, tokens, options: { renew: "keep-fresh" } });
  same(await tabs[0].storm(`${world.api}/api/items`, 5), { 200: 5 }, "the outcome with ten years");
  const timers = await tabs[0].run(() => timers);
  check(timers.length > 0 && timers.every((wait) => wait <= 2 ** 31 - 1), `the timers: ${timers}`);
  check(timers.filter((wait) => wait < 1000).length < 50, `the timers: ${timers}`);
  await world.posts(0);
}, { once: BOTH });

test("b1_t4_a_clock_that_jumps_ten_minutes_either_way_makes_no_storm", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  for (const minutes of [-10, 10, 10, -10]) {
    for (const tab of tabs) await tab.jump(minutes * 60_000);
    for (const tab of tabs) same(await tab.storm(`${api}/api/items`, 5), { 200: 5 }, `the outcome after ${minutes} minutes`);
  }
  await server.seen("api_answered", 40);
  const { refresh_posts, reuse_detected } = await server.counters();
  check(refresh_posts <= 2 && reuse_detected === 0, `${refresh_posts} POSTs, ${reuse_detected} reuses`);
  // A wrong clock takes a dead token for a good one, and a refusal sets it right.
  for (const tab of tabs) await tab.jump(-3_600_000);
  await server.expire();
  for (const tab of tabs) same(await tab.storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome after a refusal");
}, { once: BOTH });
