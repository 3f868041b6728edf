// F: failures of the token endpoint, as callers of an API see them.
import { Case, test } from "../../harness/case.mjs";
import { check, same } from "../../harness/registry.mjs";

test("f2_an_outage_is_not_noticed_while_the_token_is_valid", async (world) => {
  const one = await Case.of(world, { options: { fetch: "buffered" } });
  const outages = [{ kind: "unavailable" }, { kind: "too_many_requests", retry_after: { seconds: 60 } }, { kind: "lose_request" }];
  for (const [number, outage] of outages.entries()) {
    await one.server.order("DELETE", "faults");
    await one.signIn();
    await one.server.fault("refresh", outage, { always: true });
    await one.becomeDue();
    const id = `${number}`;
    for (let n = 0; n < 3; n++) same((await one.send(id)).status, 200, `the outcome with ${outage.kind}`);
    await one.server.seen("refresh_arrived", number + 1);
    same((await one.send(id, { stream: "a" })).status, 200, `a stream's outcome with ${outage.kind}`);
    same(await one.sequences(id), [1, 1, 1, 1], "the tokens");
  }
});

test("f3_f9_an_outage_with_an_expired_token_is_a_retryable_error_that_passes", async (world) => {
  const one = await Case.of(world);
  await one.expire();
  await one.server.fault("refresh", { kind: "unavailable", retry_after: { seconds: 20 } }, { always: true });
  const { error } = await one.send();
  same([error.code, error.action], ["transient", "retry-later"], "the error");
  check(error.retryAfter >= 19_000 && error.retryAfter < 60_000, `to be tried again in ${error.retryAfter} ms`);
  same((await one.counters()).api_requests, 0, "the number of requests");
  await one.server.order("DELETE", "faults");
  await one.tab.jump(error.retryAfter, error.retryAfter);
  same((await one.send("later")).status, 200, "the outcome later");
  same(await one.sequences("later"), [2], "the token");
});

test("f4_a_hundred_callers_in_an_outage_cost_one_post", async (world) => {
  const one = await Case.of(world);
  await one.expire();
  await one.server.fault("refresh", { kind: "unavailable" }, { always: true });
  same(await one.tab.storm(one.notes, 100), { transient: 100 }, "the outcome");
  await one.posts(1);
});

test("f5_a_lost_answer_is_asked_for_again_where_a_grace_window_allows_it", async (world) => {
  const one = await Case.refused(world, { settings: { rotation: { kind: "grace", window_ms: 30_000, replay: "new_pair" } } });
  await one.server.fault("refresh", { kind: "lose_answer" });
  same(await one.tab.storm(one.notes, 20), { 200: 20 }, "the outcome");
  const { replays } = await one.counters();
  same(replays, 1, "the number of replays");
  await one.posts(2);
});

test("f7_a_death_that_fifty_callers_see_is_one_post_and_one_sign_out", async (world) => {
  const one = await Case.of(world);
  const [{ family }] = await one.server.order("GET", "families");
  await one.server.order("POST", "revoke", { family });
  same(await one.tab.storm(one.notes, 50), { "signed-out": 50 }, "the outcome");
  const { error } = await one.send();
  same([error.code, error.action, error.reason], ["signed-out", "sign-in", "rejected"], "the error");
  same((await one.tab.events()).filter(({ type }) => type === "signout").length, 1, "the number of sign-outs");
  await one.posts(1);
});

test("t3_a_lifetime_of_nothing_does_not_loop", async (world) => {
  const one = await Case.of(world, { settings: { access_token_lifetime_ms: 0 } });
  await one.tab.jump(900_000, 900_000);
  same((await one.send()).status, 401, "the outcome");
  const { refresh_posts } = await one.counters();
  check(refresh_posts <= 2, `${refresh_posts} POSTs`);
});
