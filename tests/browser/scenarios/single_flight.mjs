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

test("b1_b2_s1_fifty_requests_in_each_of_two_tabs_make_one_post", (world) => onePost(world, 2));
test("b1_b2_s1_fifty_requests_in_each_of_ten_tabs_make_one_post", (world) => onePost(world, 10), { once: ["firefox"] });

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
