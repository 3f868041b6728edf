// One refresh, however many requests and tabs.
import { same, test } from "../harness/registry.mjs";
import { refusedTogether } from "../harness/storms.mjs";

async function onePost(world, tabs) {
  await world.start();
  const outcomes = await refusedTogether(world, { tabs, requests: 50 });
  for (const outcome of outcomes) same(outcome, { 200: 50 }, "a tab's outcome");
  await world.posts(1);
  const { api_requests } = await world.server.counters();
  same(api_requests, tabs * 50 * 2, "the number of requests");
}

test("b1_s1_fifty_requests_make_one_post", (world) => onePost(world, 1));
test("b1_b2_s1_fifty_requests_in_each_of_two_tabs_make_one_post", (world) => onePost(world, 2));
test("b1_b2_s1_fifty_requests_in_each_of_ten_tabs_make_one_post", (world) => onePost(world, 10), { long: ["firefox"] });

test("b1_s4_an_expired_token_is_not_sent", async (world) => {
  await world.start();
  const context = await world.context();
  await context.clock.install();
  const { tabs } = await world.signedIn({ count: 2, context });
  // The server would still take it: only the page's clock says that it is over.
  await context.clock.setSystemTime(Date.now() + 3_600_000);
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${world.api}/api/items`, 20)));
  for (const outcome of outcomes) same(outcome, { 200: 20 }, "a tab's outcome");
  await world.posts(1);
  same((await world.server.counters()).api_requests, 40, "each request is sent once");
});

test("b1_s3_a_refusal_that_comes_late_in_another_tab_makes_no_post", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await server.expire();
  const gate = await server.hold("api", "answer", { status: 401, path: "/api/late" });
  const late = tabs[1].storm(`${api}/api/late`, 3);
  await server.seen("api_arrived", 3, (one) => one.path === "/api/late");
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the first tab's outcome");
  await gate.open();
  same(await late, { 200: 3 }, "the late tab's outcome");
  await world.posts(1);
});

test("b1_s5_giving_up_a_request_leaves_the_refresh_alone", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const given = tabs[0].run(async (url) => {
    window.giveUp = new AbortController();
    return told(session.fetch(url, { signal: giveUp.signal }));
  }, `${api}/api/leads`);
  const other = tabs[0].storm(`${api}/api/waits`, 1);
  await server.seen("refresh_arrived");
  await tabs[0].run(() => giveUp.abort());
  same((await given).error.name, "AbortError", "the outcome of the one given up");
  await gate.open();
  same(await other, { 200: 1 }, "the other's outcome");
  await world.posts(1);
});

test("b1_r4_an_api_that_refuses_everything_costs_a_bounded_number_of_posts", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.settings({ reject_everything: true });
  for (let n = 0; n < 8; n++) await tabs[0].storm(`${api}/api/items`, 5, {});
  const { refresh_posts, reuse_detected } = await server.counters();
  if (refresh_posts < 1 || refresh_posts > 5 || reuse_detected > 0) throw new Error(`${refresh_posts} POSTs, ${reuse_detected} reuses`);
  same(await tabs[0].status(), "signed-in", "the status");
  await server.settings({ reject_everything: false });
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome when the API is well again");
});
