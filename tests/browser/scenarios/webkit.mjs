// A smoke test in the third engine. Not one of those that every change runs: its packages are large.
import { same, test } from "../harness/registry.mjs";

test("webkit_two_tabs_make_one_post", async (world) => {
  await world.start();
  const { server } = world;
  const tabs = [];
  for (let n = 0; n < 2; n++) {
    const tab = await world.browser.tab(world.url());
    await tab.run(() => ready.then(() => {}));
    await tab.run((options) => begin(options), world.options());
    tabs.push(tab);
  }
  await tabs[0].run((tokens) => session.signIn(tokens), await server.tokens());
  for (const tab of tabs) await tab.run(() => until(({ status }) => status === "signed-in"));
  const { sharing } = await tabs[0].run(() => session.snapshot);
  same(sharing, "locks", "who shares");
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  // WebDriver looks at one tab at a time: the storms are begun first, and looked at afterwards.
  for (const tab of tabs) await tab.run((url) => void (window.storming = storm(url, 20)), `${world.api}/api/items`);
  await server.seen("api_answered", 40, ({ status }) => status === 401);
  await server.seen("refresh_arrived");
  await gate.open();
  for (const tab of tabs) same(await tab.run(() => storming), { 200: 20 }, "a tab's outcome");
  await world.posts(1);
  await tabs[0].run(() => session.signOut());
  await tabs[1].run(() => until(({ status }) => status === "signed-out"));
}, { browsers: ["webkit"] });
