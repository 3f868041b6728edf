// Tabs that are closed, reloaded or left while a refresh is under way.
import { check, same, test } from "../harness/registry.mjs";

const GRACE = { rotation: { kind: "grace", window_ms: 60_000, replay: "new_pair" } };

/** Two tabs; the first has a refresh on its way, which rotates and whose answer nobody hears. */
async function leaderGone(world, leave) {
  await world.start();
  const { server, api } = world;
  await server.settings(GRACE);
  const { tabs } = await world.signedIn({ count: 2, options: { profile: "grace" } });
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  tabs[0].storm(`${api}/api/items`, 1).catch(() => {});
  await server.seen("refresh_granted");
  const waiting = tabs[1].storm(`${api}/api/items`, 5);
  await server.seen("api_answered", 6, (one) => one.status === 401);
  await leave(tabs[0].page);
  // A closed page may run on for a moment: it is gone when the other one has the lock.
  await server.seen("refresh_arrived", 2);
  await gate.open();
  same(await waiting, { 200: 5 }, "the outcome of the tab that stayed");
  same(await tabs[1].status(), "signed-in", "its status");
  await world.posts(2);
}

test("b4_a_leading_tab_that_is_closed_does_not_stop_the_others", (world) => leaderGone(world, (page) => page.close()));
test("b4_a_leading_tab_that_is_reloaded_does_not_stop_the_others", (world) => leaderGone(world, (page) => page.reload()));
test("b4_p2_a_leading_tab_that_crashes_does_not_stop_the_others", (world) => leaderGone(world, async (page) => {
  const crashed = page.waitForEvent("crash");
  page.goto("chrome://crash").catch(() => {});
  await crashed;
}), { browsers: ["chromium"] });

async function leftDuringARefresh(world, slowMs) {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.expire();
  await server.hold("refresh", "arrival");
  tabs[0].storm(`${api}/api/items`, 3);
  await server.seen("refresh_arrived");
  world.site.slowMs = slowMs;
  // The page that comes back has no session, so whatever is sent now comes from the one that dies.
  await tabs[0].page.reload();
  await tabs[0].page.evaluate((url) => fetch(url, { method: "POST" }).then(() => {}), `${server.issuer}/oauth/revoke`);
  await world.posts(1);
}

test("b12_a_page_that_is_left_during_a_refresh_sends_no_second_one", (world) => leftDuringARefresh(world, 0));
test("b12_a_page_that_is_left_slowly_during_a_refresh_sends_no_second_one", (world) => leftDuringARefresh(world, 1500));

test("a_page_that_tries_again_at_once_sends_a_second_post_when_it_is_left", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ client: "hasty" });
  await server.expire();
  await server.hold("refresh", "arrival");
  tabs[0].storm(`${api}/api/items`, 1).catch(() => {});
  await server.seen("refresh_arrived");
  // The page that comes back has no session, so whatever is sent now comes from the one that dies.
  await tabs[0].page.reload();
  await server.seen("refresh_arrived", 2);
}, { browsers: ["firefox"] });

/** Every other reload does not wait for the one before it to load. */
async function again(page, n) {
  await page.reload({ waitUntil: n % 2 ? "commit" : "load" }).catch((error) => {
    // Chromium says so when the page that is asked is just being replaced.
    if (!/Not attached to an active page|ERR_ABORTED|interrupted/.test(error.message)) throw error;
  });
}

test("b12_p2_twenty_quick_reloads_around_an_expiry_keep_the_session_where_there_is_grace", async (world) => {
  await world.start();
  const { server, api } = world;
  await server.settings(GRACE);
  const { context } = await world.signedIn({ options: { profile: "grace" } });
  const tab = await world.open(context, { begin: world.options({ profile: "grace" }), fetch: `${api}/api/items` });
  await tab.run(() => first);
  for (let n = 0; n < 20; n++) {
    if (n % 5 === 0) await server.expire();
    await again(tab.page, n);
  }
  await tab.page.waitForLoadState("load");
  same(await tab.run(() => ready.then(() => first)), { 200: 5 }, "the outcome after the last reload");
  same(await tab.status(), "signed-in", "the status");
});

test("b12_p2_twenty_quick_reloads_with_strict_rotation_end_in_one_of_two_ways", async (world) => {
  await world.start();
  const { server, api } = world;
  const { context } = await world.signedIn();
  await server.expire();
  const tab = await world.open(context, { begin: world.options(), fetch: `${api}/api/items` });
  for (let n = 0; n < 20; n++) await again(tab.page, n);
  await tab.page.waitForLoadState("load");
  const outcome = await tab.run(() => ready.then(() => first));
  const status = await tab.status();
  const { refresh_posts, reuse_detected } = await server.counters();
  check(status === "signed-in" ? outcome[200] === 5 : outcome["signed-out"] === 5, `${status}: ${JSON.stringify(outcome)}`);
  check(refresh_posts <= 2 && reuse_detected <= 1, `${refresh_posts} POSTs, ${reuse_detected} reuses`);
  world.say(`strict rotation: ${status} after ${refresh_posts} POSTs`);
  if (status === "signed-in") return;
  await tab.signIn(await server.tokens());
  same(await tab.storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome after signing in again");
});
