// What decides about a refresh is read from IndexedDB, under the lock.
import { LIFETIME } from "../harness/case.mjs";
import { check, same, test } from "../harness/registry.mjs";

/** Notes what a page does with its storages, its lock and its refreshes, in order; and every message of other tabs is lost. */
const spies = () => {
  window.spied = [];
  const note = (what) => window.spied.push(what);
  const around = (owner, name, before) => {
    const inner = owner[name];
    owner[name] = function (...args) {
      before(...args);
      return inner.apply(this, args);
    };
  };
  const storage = Object.getOwnPropertyDescriptor(Window.prototype, "localStorage") ?? Object.getOwnPropertyDescriptor(window, "localStorage");
  Object.defineProperty(window, "localStorage", { ...storage, get() {
    note("localStorage");
    return storage.get.call(window);
  } });
  for (const name of ["getItem", "setItem", "removeItem", "key", "clear"])
    around(Storage.prototype, name, () => note("Storage"));
  around(IDBObjectStore.prototype, "get", () => note("read"));
  around(IDBObjectStore.prototype, "put", () => note("write"));
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = (name, ...rest) => {
    const work = rest.pop();
    return request(name, ...rest, async (lock) => {
      if (name === "oneflight-probe") return work(lock);
      note("locked");
      try {
        return await work(lock);
      } finally {
        note("unlocked");
      }
    });
  };
  const send = window.fetch;
  window.fetch = (input, init) => {
    if (init?.method === "POST") note("post");
    return send(input, init);
  };
  globalThis.BroadcastChannel = class extends EventTarget {
    postMessage() {}
    close() {}
  };
};

/** A tab that is spied on and hears no messages, and another one that does as it likes. */
async function watched(world) {
  await world.start();
  const { context, tabs } = await world.signedIn();
  const spied = await context.newPage();
  await spied.addInitScript(spies);
  const tab = world.tab(spied);
  await spied.goto(world.url());
  await tab.run(() => ready.then(() => {}));
  await tab.begin(world.options());
  await tab.until("signed-in");
  return { tab, other: tabs[0] };
}

/** What lies in the storage that must not be asked: the session as it was, and a foreign one. */
const plant = () =>
  new Promise((resolve, reject) => {
    const asked = indexedDB.open("oneflight");
    asked.onerror = reject;
    asked.onsuccess = () => {
      const stored = asked.result.transaction("records").objectStore("records").get("default");
      stored.onsuccess = () => {
        asked.result.close();
        for (const key of ["oneflight", "oneflight:default", "default"]) localStorage.setItem(key, JSON.stringify(stored.result));
        localStorage.setItem("oneflight:lease", JSON.stringify({ owner: "somebody", until: Date.now() + 600_000 }));
        resolve();
      };
    };
  });

const decided = (spied) => {
  check(!spied.includes("localStorage") && !spied.includes("Storage"), `no storage but IndexedDB is asked: ${spied}`);
  const locked = spied.lastIndexOf("locked");
  const unlocked = spied.indexOf("unlocked", locked);
  check(locked >= 0 && spied.slice(locked, unlocked).includes("read"), `it is read under the lock: ${spied}`);
  return spied.filter((what) => what === "post").length;
};

test("b11_s3_what_another_tab_stored_between_the_refusal_and_the_lock_is_adopted", async (world) => {
  const { tab, other } = await watched(world);
  const { server, api } = world;
  await other.run(plant);
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const leading = other.storm(`${api}/api/items`, 1);
  await server.seen("refresh_arrived");
  const waiting = tab.storm(`${api}/api/items`, 5);
  // Refused, and waiting for the lock: from now on the record changes.
  await tab.run(async () => {
    while (!(await navigator.locks.query()).pending.some(({ name }) => name === "oneflight:default")) await new Promise(requestAnimationFrame);
  });
  await gate.open();
  same(await leading, { 200: 1 }, "the other tab's outcome");
  same(await waiting, { 200: 5 }, "the outcome");
  same(decided(await tab.run(() => spied)), 0, "POSTs of the tab that waited");
  await world.posts(1);
});

test("b11_s3_what_another_tab_stored_before_a_late_refusal_is_adopted", async (world) => {
  const { tab, other } = await watched(world);
  const { server, api } = world;
  await other.run(plant);
  await server.expire();
  const gate = await server.hold("api", "answer", { status: 401, path: "/api/late" });
  const late = tab.storm(`${api}/api/late`, 3);
  await server.seen("api_arrived", 3, (one) => one.path === "/api/late");
  same(await other.storm(`${api}/api/items`, 2), { 200: 2 }, "the other tab's outcome");
  await gate.open();
  same(await late, { 200: 3 }, "the outcome");
  same(decided(await tab.run(() => spied)), 0, "POSTs of the tab that was late");
  await world.posts(1);
});

test("b11_s7_a_refresh_spends_the_token_that_is_read_under_the_lock", async (world) => {
  const { tab, other } = await watched(world);
  const { server, api } = world;
  await other.run(plant);
  // The other tab renews twice; neither this tab nor the other storage knows.
  for (let n = 0; n < 2; n++) {
    await server.expire();
    same(await other.storm(`${api}/api/items`, 1), { 200: 1 }, "the other tab's outcome");
  }
  await server.expire();
  // What is stored is adopted first, and it is refused as well: a request is sent again no more than once.
  same(await tab.storm(`${api}/api/items`, 3), { 401: 3 }, "the outcome with the token that was stored");
  same(decided(await tab.run(() => spied)), 0, "POSTs so far");
  same(await tab.storm(`${api}/api/items`, 3), { 200: 3 }, "the outcome");
  same(decided(await tab.run(() => spied)), 1, "POSTs of the tab");
  await world.posts(3);
});

test("b11_s14_a_stored_token_that_is_newer_but_expired_is_refreshed_and_given_to_nobody", async (world) => {
  const { tab, other } = await watched(world);
  const { server, api } = world;
  await server.expire();
  same(await other.storm(`${api}/api/items`, 1), { 200: 1 }, "the other tab's outcome");
  await tab.jump(2 * LIFETIME, 2 * LIFETIME);
  same(await tab.storm(`${api}/api/mine`, 3), { 200: 3 }, "the outcome");
  same(decided(await tab.run(() => spied)), 1, "POSTs of the tab");
  const sent = (await server.requests()).filter(({ path }) => path === "/api/mine");
  same(sent.map(({ credentials }) => credentials.sequence), [3, 3, 3], "the tokens that were sent");
  same((await server.refreshes()).map(({ token }) => token.sequence), [1, 2], "the tokens that were spent");
  await world.posts(2);
}, { once: ["firefox"] });

test("b1_s13_news_of_another_tab_serves_who_still_waits_for_the_lock", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 3 });
  const [leader, between, waiter] = tabs;
  const pending = (count) =>
    waiter.run(async (count) => {
      const waiting = async () => (await navigator.locks.query()).pending.filter(({ name }) => name === "oneflight:default").length;
      while ((await waiting()) < count) await new Promise(requestAnimationFrame);
    }, count);
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const leading = leader.storm(`${api}/api/items`, 1);
  await server.seen("refresh_arrived");
  await between.run(() => void navigator.locks.request("oneflight:default", () => new Promise((resolve) => (window.letGo = resolve))));
  await pending(1);
  const waiting = waiter.storm(`${api}/api/items`, 5);
  await pending(2);
  await gate.open();
  same(await leading, { 200: 1 }, "the leader's outcome");
  same(await waiting, { 200: 5 }, "the outcome while somebody else has the lock");
  await between.run(() => letGo());
  await world.posts(1);
}, { once: ["firefox"] });
