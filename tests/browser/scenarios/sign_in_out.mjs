// Sign-in and sign-out, in all tabs.
import { check, same, test } from "../harness/registry.mjs";

test("b5_l5_sign_in_and_sign_out_show_in_every_tab", async (world) => {
  await world.start();
  const { tabs } = await world.signedIn({ count: 3 });
  for (const tab of tabs) same(await tab.storm(`${world.api}/api/items`, 1), { 200: 1 }, "a tab's outcome");
  await tabs[1].signOut();
  await Promise.all(tabs.map((tab) => tab.until("signed-out")));
  for (const tab of tabs) {
    const { error } = await tab.token();
    same([error.code, error.action], ["signed-out", "sign-in"], "a tab's answer");
  }
  await world.server.seen("revoked");
  await tabs[2].signIn(await world.server.tokens({ user: "second" }));
  await Promise.all(tabs.map((tab) => tab.until("signed-in")));
  for (const tab of tabs) same(await tab.storm(`${world.api}/api/items`, 1), { 200: 1 }, "a tab's outcome");
  await world.posts(0);
}, { once: ["firefox"] });

/** Every message of other tabs is lost in this context's next pages. */
const deaf = () => {
  globalThis.BroadcastChannel = class extends EventTarget {
    postMessage() {}
    close() {}
  };
};

for (const event of ["pageshow", "visibilitychange", "focus"])
  missed(event);

function missed(event) {
  const work = async (world) => {
    await world.start();
    const context = await world.context();
    await context.addInitScript(deaf);
    const { tabs } = await world.signedIn({ context });
    const slept = await world.open(context);
    await slept.begin(world.options());
    await slept.until("signed-in");
    await tabs[0].signOut();
    same(await slept.status(), "signed-in", "the status of the tab that missed the message");
    await slept.run((event) => {
      const target = event === "visibilitychange" ? document : window;
      target.dispatchEvent(event === "pageshow" ? new PageTransitionEvent(event, { persisted: true }) : new Event(event));
    }, event);
    await slept.until("signed-out");
    await world.posts(0);
  };
  missed[event] = work;
}

test("b5_a_tab_that_missed_the_message_reads_again_on_pageshow", (world) => missed.pageshow(world));
test("b5_a_tab_that_missed_the_message_reads_again_when_it_is_shown", (world) => missed.visibilitychange(world));
test("b5_a_tab_that_missed_the_message_reads_again_on_focus", (world) => missed.focus(world));

test("b1_l1_a_sign_out_during_a_refresh_wins", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  const storms = tabs.map((tab) => tab.storm(`${api}/api/items`, 5));
  await server.seen("refresh_granted");
  await tabs[1].signOut();
  await Promise.all(tabs.map((tab) => tab.until("signed-out")));
  await gate.open();
  for (const outcome of await Promise.all(storms)) same(outcome, { "signed-out": 5 }, "a tab's outcome");
  await server.seen("family_died");
  for (const tab of tabs) same(await tab.status(), "signed-out", "a tab's status");
  await world.posts(1);
});

test("b1_f7_a_dead_grant_signs_every_tab_out_once", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 3 });
  const [{ family }] = await server.order("GET", "families");
  await server.order("POST", "revoke", { family });
  const outcomes = await Promise.all(tabs.map((tab) => tab.storm(`${api}/api/items`, 5)));
  for (const outcome of outcomes) same(outcome, { "signed-out": 5 }, "a tab's outcome");
  for (const tab of tabs) {
    const ends = (await tab.events()).filter((event) => event.type === "signout");
    same(ends.map((end) => end.reason), ["rejected"], "a tab's sign-outs");
  }
  const { refresh_posts } = await server.counters();
  check(refresh_posts === 1, `${refresh_posts} POSTs for one death`);
});
