// Who shares the grant, and what happens where storage is not what it should be.
import { launchChromium, persistentChromium } from "../harness/browsers.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

test("b3_without_web_locks_a_lease_in_indexeddb_makes_one_post", async (world) => {
  await world.start();
  const context = await world.context();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined }));
  await sharedByLease(world, context);
});

test("b3_in_an_insecure_context_a_lease_in_indexeddb_makes_one_post", async (world) => {
  const browser = await launchChromium(world.settings.chromium, { args: ["--host-resolver-rules=MAP insecure.test 127.0.0.1"] });
  world.later(() => browser.close());
  await world.start();
  world.browser = browser;
  world.site.origin = `http://insecure.test:${world.site.port}`;
  const context = await world.context();
  const probe = await world.open(context);
  same(await probe.run(() => [isSecureContext, navigator.locks === undefined]), [false, true], "the context");
  await sharedByLease(world, context);
}, { browsers: ["chromium"] });

async function sharedByLease(world, context) {
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 3, context });
  same((await tabs[0].snapshot()).sharing, "lease", "who shares");
  await server.expire();
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${api}/api/items`, 10)));
  for (const outcome of outcomes) same(outcome, { 200: 10 }, "a tab's outcome");
  await world.posts(1);
}

test("b3_b9_where_site_data_are_blocked_the_page_stands_alone_and_says_so", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await persistentChromium(world, { profile: { default_content_setting_values: { cookies: 2 } } });
  const tab = await world.open(context);
  same(await tab.run(() => { try { return String(localStorage); } catch (error) { return error.name; } }), "SecurityError", "the storage");
  await tab.begin(world.options());
  await tab.signIn(await server.tokens());
  same((await tab.snapshot()).sharing, "denied", "who shares");
  await server.expire();
  same(await tab.storm(`${api}/api/items`, 10), { 200: 10 }, "the outcome");
  await world.posts(1);
}, { browsers: ["chromium"], once: BOTH });

test("b9_storage_that_is_cleared_in_the_middle_ends_the_session_without_a_loop", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await tabs[0].run(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name);
    for (const name of names)
      await new Promise((resolve, reject) => {
        const asked = indexedDB.deleteDatabase(name);
        asked.onsuccess = resolve;
        asked.onerror = reject;
      });
  });
  await server.expire();
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${api}/api/items`, 5)));
  for (const outcome of outcomes) check((outcome["signed-out"] ?? 0) + (outcome["not-signed-in"] ?? 0) === 5, JSON.stringify(outcome));
  await world.posts(0);
  await tabs[1].signIn(await server.tokens());
  await Promise.all(tabs.map((tab) => tab.until("signed-in")));
  for (const tab of tabs) same(await tab.storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome after signing in again");
});

test("b1_memory_is_the_pages_own_and_session_outlives_a_reload", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  for (const [storage, after] of [["memory", "never-signed-in"], ["session", "signed-in"]]) {
    const tab = await world.open(context, { begin: world.options({ storage }) });
    await tab.signIn(await server.tokens());
    same(await tab.storm(`${api}/api/items`, 1), { 200: 1 }, "the outcome");
    const other = await world.open(context, { begin: world.options({ storage }) });
    await other.run(() => session.ready);
    same(await other.status(), "never-signed-in", "another tab's status");
    await tab.page.reload();
    await tab.run(() => ready.then(() => session.ready));
    same(await tab.status(), after, `the status after a reload, with ${storage}`);
  }
}, { once: BOTH });

test("b1_a_copied_tab_does_not_share_the_refresh_token", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  const tab = await world.open(context, { begin: world.options({ storage: "session" }) });
  await tab.signIn(await server.tokens());
  const opened = context.waitForEvent("page");
  await tab.run(() => void window.open(location.href));
  const copy = world.tab(await opened);
  await copy.page.waitForLoadState("load");
  await copy.run(() => ready.then(() => session.ready));
  same((await copy.snapshot()).reason, "copied", "the copy's end");
  await server.expire();
  same(await tab.storm(`${api}/api/items`, 5), { 200: 5 }, "the original's outcome");
  await world.posts(1);
});

test("b1_w1_a_refresh_by_cookie_works_without_a_refresh_token_in_the_page", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  const options = { refreshUrl: `${server.issuer}/cookie/auth/refresh`, credentials: "include", origins: [api], storage: "local" };
  const tabs = [await world.open(context), await world.open(context)];
  for (const tab of tabs) await tab.begin(options);
  const tokens = await tabs[0].run(async (url) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ username: "user", password: "password" });
    return (await fetch(url, { method: "POST", headers, body, credentials: "include" })).json();
  }, `${server.issuer}/cookie/auth/login`);
  same(Object.keys(tokens).sort(), ["accessToken", "expiresIn"], "what the page sees");
  await tabs[0].signIn(tokens);
  await tabs[1].until("signed-in");
  await server.expire();
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${api}/api/items`, 10)));
  for (const outcome of outcomes) same(outcome, { 200: 10 }, "a tab's outcome");
  await world.posts(1);
});

test("b1_w1_a_json_endpoint_is_asked_once", async (world) => {
  await world.start();
  const { server, api } = world;
  const context = await world.context();
  const tab = await world.open(context);
  await tab.begin({ refreshUrl: `${server.issuer}/api/auth/refresh`, origins: [api], storage: "local" });
  await tab.signIn(await server.tokens());
  await server.expire();
  same(await tab.storm(`${api}/api/items`, 20), { 200: 20 }, "the outcome");
  await world.posts(1);
  same((await server.refreshes()).map((one) => one.via), ["json"], "how it came");
}, { once: BOTH });

test("b1_several_sessions_on_one_page_do_not_disturb_each_other", async (world) => {
  await world.start();
  const { server } = world;
  const tab = await world.open(await world.context());
  for (const key of ["one", "two"]) {
    await tab.begin(world.options({ key }), key);
    await tab.run(([key, tokens]) => window[key].signIn(tokens), [key, await server.tokens({ user: key })]);
  }
  await server.expire();
  const renewed = (url) => Promise.all([one, two, one, two].map(async (session) => (await session.fetch(url)).status));
  same(await tab.run(renewed, `${world.api}/api/items`), [200, 200, 200, 200], "the outcomes");
  const tokens = await tab.run(async () => Promise.all([one.token(), two.token(), one.token(), two.token()]));
  check(tokens[0] === tokens[2] && tokens[1] === tokens[3] && tokens[0] !== tokens[1], "each session has its own token");
  await world.posts(2);
  await tab.run(() => one.signOut());
  same(await tab.run(() => [one.status, two.status]), ["signed-out", "signed-in"], "the statuses");
}, { once: BOTH });

test("b9_a_policy_that_forbids_wasm_is_named", async (world) => {
  await world.start({ headers: { "content-security-policy": "script-src 'self' 'unsafe-inline'" } });
  const tab = await world.open(await world.context());
  await tab.begin(world.options());
  const { error } = await tab.token();
  same([error.code, error.action], ["wasm-blocked", "fix-configuration"], "the outcome");
  check(/wasm-unsafe-eval/.test(error.message), error.message);
}, { once: BOTH });
