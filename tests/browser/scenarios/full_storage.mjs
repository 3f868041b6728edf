// Storage that is full, blocked or emptied: a typed outcome, no crash, no loop.
import { launchFirefox } from "../harness/browsers.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

/**
 * Makes writing fail as it does when the disk is full, in every page of the context, while `window.full` is set. The
 * browser's own quota cannot be filled by a test: the override that Chromium's debugger offers is not heeded by IndexedDB.
 */
const failingWrites = () => {
  const put = IDBObjectStore.prototype.put;
  window.full = false;
  IDBObjectStore.prototype.put = function (...record) {
    const request = put.apply(this, record);
    // A full disk shows when the transaction is to be kept: it is aborted.
    if (window.full) {
      const error = new DOMException("There is no room left.", "QuotaExceededError");
      Object.defineProperty(this.transaction, "error", { value: error });
      this.transaction.abort();
    }
    return request;
  };
};

/** Two tabs with one storage, and how to fill it and to make room. */
async function twoTabs(world) {
  const context = await world.context();
  await context.addInitScript(failingWrites);
  const { tabs } = await world.signedIn({ count: 2, context });
  const set = (full) => Promise.all(tabs.map((tab) => tab.run((full) => void (window.full = full), full)));
  return { tabs, fill: () => set(true), empty: () => set(false) };
}

const storm = (world, tabs, count) => Promise.all(tabs.map((tab) => tab.storm(`${world.api}/api/items`, count)));
const told = async (tab, type) => (await tab.events()).filter((event) => event.type === type);

/** Full before the refresh: none is sent, for a token that was spent could not be kept. */
test("b9_p13_with_a_full_storage_no_refresh_is_sent_and_the_session_lives", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs, fill, empty } = await twoTabs(world);
  await server.expire();
  await fill();
  for (const outcome of await storm(world, tabs, 5)) same(outcome, { transient: 5 }, "a tab's outcome while it is full");
  const { error } = await tabs[0].run((url) => told(session.fetch(url)), `${world.api}/api/items`);
  same([error.code, error.action, error.status], ["transient", "retry-later", 401], "the error");
  check(/storage/i.test(error.message), error.message);
  await world.posts(0);
  for (const tab of tabs) same(await tab.status(), "signed-in", "a tab's status while it is full");
  await empty();
  for (const tab of tabs) await tab.run(() => session.retryNow());
  for (const outcome of await storm(world, tabs, 5)) same(outcome, { 200: 5 }, "a tab's outcome when there is room");
  await world.posts(1);
}, { once: BOTH });

/** Full when the answer comes: the new token lives on here, nobody else presents the spent one, and it is kept later. */
test("b9_p7_p11_with_a_storage_full_at_the_answer_the_new_token_lives_on_and_is_kept_later", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs, fill, empty } = await twoTabs(world);
  const [leader, other] = tabs;
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const leading = leader.storm(`${world.api}/api/items`, 5);
  await server.seen("refresh_arrived");
  await fill();
  await gate.open();
  same(await leading, { 200: 5 }, "the leader's outcome");
  same((await told(leader, "storefailed")).map(({ what }) => what), ["tokens"], "what could not be kept");
  same(await leader.status(), "signed-in", "the leader's status");
  const waiting = other.storm(`${world.api}/api/items`, 5);
  await empty();
  await leader.run(() => session.retryNow());
  same(await waiting, { 200: 5 }, "the other tab's outcome");
  same((await told(leader, "storerecovered")).length, 1, "how often it was kept again");
  await world.posts(1);
});

test("b9_l9_l11_p7_signing_in_and_out_with_a_full_storage_says_that_it_was_not_kept", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs, fill, empty } = await twoTabs(world);
  const [tab] = tabs;
  await fill();
  const tokens = await server.tokens({ user: "second" });
  same(await tab.run((tokens) => session.signIn(tokens), tokens), { saved: false }, "the outcome of the sign-in");
  same(await tab.storm(`${world.api}/api/items`, 5), { 200: 5 }, "the outcome with the new tokens");
  same((await told(tab, "storefailed")).map(({ what }) => what), ["sign-in"], "what could not be kept");
  await server.expire();
  same(await tab.storm(`${world.api}/api/items`, 5), { transient: 5 }, "the outcome: the record of the first user is not refreshed");
  await world.posts(0);
  await tab.signOut();
  same(await tab.status(), "signed-out", "the status");
  same((await told(tab, "storefailed")).map(({ what }) => what), ["sign-in", "sign-out"], "what could not be kept");
  await empty();
  await tab.run(() => session.retryNow());
  await tabs[1].until("signed-out");
  await world.posts(0);
}, { once: BOTH });

test("b9_f12_a_dead_grant_is_not_believed_while_the_storage_cannot_be_read", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  await context.addInitScript(() => {
    const get = IDBObjectStore.prototype.get;
    window.unreadable = false;
    IDBObjectStore.prototype.get = function (...query) {
      if (window.unreadable) throw new DOMException("The disk is ill.", "UnknownError");
      return get.apply(this, query);
    };
  });
  const { tabs } = await world.signedIn({ count: 2, context });
  const [{ family }] = await server.order("GET", "families");
  const gate = await server.hold("refresh", "answer");
  await server.order("POST", "revoke", { family });
  const waiting = tabs[0].send(`${api}/api/items`);
  await server.seen("refresh_refused");
  await tabs[0].run(() => void (window.unreadable = true));
  await gate.open();
  same((await waiting).error.code, "transient", "the outcome while it cannot be read");
  same(await tabs[0].status(), "signed-in", "the status");
  await tabs[0].run(() => {
    window.unreadable = false;
    session.retryNow();
  });
  same((await tabs[0].send(`${api}/api/items`)).error.code, "signed-out", "the outcome when it can be read");
  await tabs[1].until("signed-out");
  // The refused token is remembered, and not sent a second time.
  const { refresh_posts } = await server.counters();
  check(refresh_posts === 1, `${refresh_posts} POSTs`);
}, { once: BOTH });

/** Empties what the origin keeps, as a user does who clears the site's data, while a refresh is under way. */
test("b9_l1_storage_that_is_cleared_during_a_refresh_ends_the_session_and_nothing_is_left_over", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  const storms = tabs.map((tab) => tab.storm(`${api}/api/items`, 5));
  await server.seen("refresh_granted");
  await clear(tabs[1]);
  await gate.open();
  for (const outcome of await Promise.all(storms)) check((outcome["signed-out"] ?? 0) + (outcome["not-signed-in"] ?? 0) === 5, JSON.stringify(outcome));
  // The token that came late is of no use to anybody.
  await server.seen("family_died");
  await world.posts(1);
  await tabs[1].signIn(await server.tokens());
  await Promise.all(tabs.map((tab) => tab.until("signed-in")));
  for (const outcome of await storm(world, tabs, 5)) same(outcome, { 200: 5 }, "a tab's outcome after signing in again");
  await world.posts(1);
});

const clear = (tab) =>
  tab.run(async () => {
    for (const { name } of await indexedDB.databases())
      await new Promise((resolve, reject) => {
        const asked = indexedDB.deleteDatabase(name);
        asked.onsuccess = resolve;
        asked.onerror = reject;
      });
  });

test("b9_site_data_that_is_cleared_by_the_browser_ends_the_session_without_a_loop", async (world) => {
  await world.start();
  const { server, api } = world;
  const { context, tabs } = await world.signedIn({ count: 2 });
  const cdp = await context.newCDPSession(tabs[0].page);
  await cdp.send("Storage.clearDataForOrigin", { origin: world.site.origin, storageTypes: "all" });
  await server.expire();
  for (const outcome of await storm(world, tabs, 5)) check((outcome["signed-out"] ?? 0) + (outcome["not-signed-in"] ?? 0) === 5, JSON.stringify(outcome));
  await world.posts(0);
  await tabs[0].signIn(await server.tokens());
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome after signing in again");
}, { browsers: ["chromium"] });

test("b3_b9_where_firefox_blocks_site_data_the_page_stands_alone_and_says_so", async (world) => {
  const browser = await launchFirefox(world.settings.firefox, { prefs: { "network.cookie.cookieBehavior": 2 } });
  world.later(() => browser.close());
  await world.start();
  world.browser = browser;
  const { server, api } = world;
  const tab = await world.open(await world.context());
  same(await tab.run(() => { try { return String(localStorage); } catch (error) { return error.name; } }), "SecurityError", "the storage");
  await tab.begin(world.options());
  await tab.signIn(await server.tokens());
  same((await tab.snapshot()).sharing, "denied", "who shares");
  await server.expire();
  same(await tab.storm(`${api}/api/items`, 10), { 200: 10 }, "the outcome");
  await world.posts(1);
}, { browsers: ["firefox"], once: BOTH });
