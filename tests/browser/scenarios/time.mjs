// Lifetimes, outages and clocks.
import { check, same, test } from "../harness/registry.mjs";

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
});

test("b1_f3_an_outage_is_a_typed_error_and_keeps_the_session", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.expire();
  await server.fault("refresh", { kind: "unavailable", retry_after: { seconds: 1 } });
  same(await tabs[0].storm(`${api}/api/items`, 50), { transient: 50 }, "the outcome during the outage");
  await world.posts(1);
  same(await tabs[0].status(), "signed-in", "the status");
  await tabs[0].run(() => session.retryNow());
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome after it");
  await world.posts(2);
});

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
