// A reload while the refresh is under way, with strict rotation: what is lost, and what a shared worker saves.
import { Case } from "../harness/case.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

/** Reloads of the only tab, each after the server has rotated and before it answers; gives how many ended the session. */
async function reloads(world, count, worker) {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  const begin = world.options({ worker });
  const tab = await world.open(context, { begin, fetch: `${api}/api/items` });
  let lost = 0;
  for (let n = 0; n < count; n++) {
    if ((await tab.status()) !== "signed-in") await tab.signIn(await server.tokens());
    await server.expire();
    const granted = server.log.filter(({ what }) => what === "refresh_granted").length;
    const gate = await server.hold("refresh", "answer");
    tab.storm(`${api}/api/items`, 1).catch(() => {});
    await server.seen("refresh_granted", granted + 1);
    // The next page asks for something at once.
    await tab.page.reload();
    await gate.open();
    const outcome = await tab.run(() => ready.then(() => first));
    const kept = (await tab.status()) === "signed-in";
    check(kept ? outcome[200] === 5 : outcome["signed-out"] === 5, JSON.stringify(outcome));
    if (!kept) lost++;
    if (worker && kept) same(await tab.run(() => window.worker.state), "running", "where the refresh runs");
  }
  const { refresh_posts, reuse_detected } = await server.counters();
  world.say(`${count} reloads in mid-refresh ${worker ? "with" : "without"} a shared worker: ${lost} sessions lost, ${refresh_posts} POSTs, ${reuse_detected} reuses`);
  return { lost, refresh_posts, reuse_detected };
}

test("b12_p2_with_a_shared_worker_a_reload_in_mid_refresh_loses_nothing", async (world) => {
  const count = world.settings.reloads;
  same(await reloads(world, count, true), { lost: 0, refresh_posts: count, reuse_detected: 0 }, "what the reloads came to");
}, { browsers: ["chromium"] });

test("without_a_shared_worker_a_reload_in_mid_refresh_loses_the_session_where_rotation_is_strict", async (world) => {
  const count = world.settings.reloads;
  const { lost } = await reloads(world, count, false);
  check(lost === count, `${lost} of ${count} sessions lost: the comparison does not bite any more`);
}, { browsers: ["chromium"] });

test("b12_p2_an_answer_that_came_while_there_was_no_page_is_there_for_the_next_one", async (world) => {
  await world.start();
  const { server, api } = world;
  const { context, tabs } = await world.signedIn({ options: { worker: true } });
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  tabs[0].storm(`${api}/api/items`, 1).catch(() => {});
  await server.seen("refresh_granted");
  // A page of the same site, with no session in it.
  await tabs[0].page.goto(`${world.site.origin}/blank.html`);
  await gate.open();
  await server.seen("refresh_answered");
  const next = await world.open(context, { begin: world.options({ worker: true }), fetch: `${api}/api/items` });
  same(await next.run(() => first), { 200: 5 }, "the next page's outcome");
  await world.posts(1);
  // What it has stored is forgotten by the worker.
  const kept = async () => {
    const database = await new Promise((resolve) => {
      const asked = indexedDB.open("oneflight-worker");
      asked.onsuccess = () => resolve(asked.result);
    });
    const count = database.transaction("answers").objectStore("answers").count();
    return new Promise((resolve) => (count.onsuccess = () => resolve(database.close() ?? count.result)));
  };
  same(await next.run(kept), 0, "the answers that the worker still remembers");
}, { browsers: ["chromium"] });

test("b2_s1_tabs_with_a_shared_worker_make_one_post", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 3, options: { worker: true } });
  await server.expire();
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${api}/api/items`, 10)));
  for (const outcome of outcomes) same(outcome, { 200: 10 }, "a tab's outcome");
  const states = await Promise.all(tabs.map((tab) => tab.run(() => worker.state)));
  // Firefox ends a shared worker with its last page, and says nothing: the page must.
  const ran = world.kind === "chromium" ? "running" : "unsupported";
  check(states.includes(ran) && states.every((state) => state === ran || state === "unused"), states.join());
  await world.posts(1);
});

test("f6_f1_a_refresh_in_a_shared_worker_ends_at_the_deadline_and_tells_failures_apart", async (world) => {
  const one = await Case.of(world, { options: { worker: true, requestDeadline: 700, profile: "strict" } });
  const ask = async (fault) => {
    await one.signIn();
    await one.server.expire();
    if (fault) await one.server.fault("refresh", fault);
    const { status, error } = await one.send();
    return status ?? error.code;
  };
  same(await ask({ kind: "hang" }), "ambiguous", "the outcome of one that hangs");
  same(await ask(), 200, "the outcome after it");
  same(await ask({ kind: "unavailable", retry_after: { seconds: 7 } }), "transient", "the outcome of an outage");
  same(await ask({ kind: "oauth_error", code: "invalid_client" }), "configuration", "the outcome of a wrong client");
  same(await ask({ kind: "oauth_error", code: "invalid_grant" }), "signed-out", "the outcome of a dead grant");
  same(await ask({ kind: "status", status: 302, headers: { location: "https://example.com/" } }), "transient", "the outcome of a portal");
}, { once: BOTH });

test("a_shared_worker_that_cannot_start_is_said_and_done_without", async (world) => {
  const one = await Case.of(world, { options: { worker: "/nothing-here.js" } });
  await one.server.expire();
  same((await one.send()).status, 200, "the outcome");
  same(await one.tab.run(() => worker.state), world.kind === "chromium" ? "failed" : "unsupported", "what the worker says");
  await one.posts(1);
}, { once: BOTH });
