// S: one flight.
import { Case, test } from "../../harness/case.mjs";
import { check, same } from "../../harness/registry.mjs";
import { refusedTogether } from "../../harness/storms.mjs";

/** N requests, all of them refused before the refresh is answered. */
async function storm(world, requests) {
  await world.start();
  const [outcome] = await refusedTogether(world, { tabs: 1, requests });
  same(outcome, { 200: requests }, "the outcome");
  await world.posts(1);
  const tries = {};
  for (const { request_id } of await world.server.requests()) tries[request_id] = (tries[request_id] ?? 0) + 1;
  same(Object.keys(tries).length, requests, "the number of requests");
  check(Object.values(tries).every((count) => count === 2), `each is sent twice: ${JSON.stringify(tries)}`);
}

test("s1_one_request_with_a_refused_token_costs_one_post", (world) => storm(world, 1));
test("s1_two_requests_with_a_refused_token_cost_one_post", (world) => storm(world, 2));
test("s1_fifty_requests_with_a_refused_token_cost_one_post", (world) => storm(world, 50));
test("s1_five_hundred_requests_with_a_refused_token_cost_one_post", (world) => storm(world, 500));

test("s2_staggered_refusals_cost_one_post", async (world) => {
  const one = await Case.refused(world);
  const gates = {};
  for (const when of ["before", "during", "after"])
    gates[when] = await one.server.hold("api", "answer", { status: 401, path: `/api/${when}` });
  const refresh = await one.server.hold("refresh", "answer");
  const sent = Object.fromEntries(Object.keys(gates).map((when) => [when, one.send(when, { to: `/api/${when}` })]));
  await one.server.seen("api_arrived", 3);
  await gates.before.open();
  await one.server.seen("refresh_granted");
  await gates.during.open();
  await one.server.seen("api_answered", 1, ({ path, status }) => path === "/api/during" || status === 401);
  await refresh.open();
  for (const when of ["before", "during"]) same((await sent[when]).status, 200, when);
  await gates.after.open();
  same((await sent.after).status, 200, "after");
  await one.posts(1);
  for (const when of Object.keys(gates)) same(await one.sequences(when), [1, 2], when);
});

test("s3_a_late_refusal_replays_without_a_refresh", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("api", "answer", { status: 401, path: "/api/late" });
  const late = one.send("late", { to: "/api/late" });
  await one.server.seen("api_arrived");
  same((await one.send("first")).status, 200, "the first outcome");
  await one.posts(1);
  await gate.open();
  same((await late).status, 200, "the late outcome");
  await one.posts(1);
  same(await one.sequences("late"), [1, 2], "the tokens of the late one");
});

test("s8_a_request_under_way_when_the_flight_ends_is_served_by_its_result", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("api", "arrival", { path: "/api/slow" });
  const slow = one.send("slow", { to: "/api/slow" });
  await one.server.seen("api_arrived");
  same((await one.send("first")).status, 200, "the first outcome");
  await gate.open();
  same((await slow).status, 200, "the slow outcome");
  await one.posts(1);
  same(await one.sequences("slow"), [1, 2], "the tokens of the slow one");
});

test("s4_requests_with_an_expired_token_wait_for_one_renewal_and_are_sent_once", async (world) => {
  const one = await Case.of(world);
  await one.expire();
  same(await one.tab.storm(one.notes, 50), { 200: 50 }, "the outcome");
  await one.posts(1);
  same((await one.server.requests()).map(({ credentials }) => credentials.sequence), Array(50).fill(2), "the tokens");
});

/** Sends `count` requests that are given up when the refresh has come to `point`; one more if `other`. */
async function givenUp(world, count, point, other) {
  const one = await Case.refused(world);
  const gate = await one.server.hold("refresh", point);
  const outcomes = one.tab.run(([url, count]) => {
    window.giveUp = new AbortController();
    return Promise.all(Array.from({ length: count }, () => send(url, { signal: giveUp.signal })));
  }, [one.notes, count]);
  await one.server.seen(point === "arrival" ? "refresh_arrived" : "refresh_granted");
  const waiting = other ? one.tab.storm(one.notes, other) : undefined;
  if (other) await one.server.seen("api_arrived", count + other);
  await one.tab.run(() => giveUp.abort());
  for (const { error } of await outcomes) same(error.name, "AbortError", "the outcome of one given up");
  await gate.open();
  return { one, waiting };
}

test("s5_dropping_the_first_request_leaves_the_others_their_token", async (world) => {
  const { one, waiting } = await givenUp(world, 1, "arrival", 4);
  same(await waiting, { 200: 4 }, "the others' outcome");
  await one.posts(1);
});

test("s5_dropping_every_request_lets_the_flight_end", async (world) => {
  const { one } = await givenUp(world, 3, "answer");
  await one.tab.newer(1);
  same((await one.send("next")).status, 200, "the next outcome");
  same(await one.sequences("next"), [2], "the token of the next");
  await one.posts(1);
});

test("s6_a_caller_that_gives_up_leaves_the_flight_alone", async (world) => {
  const one = await Case.of(world);
  await one.expire();
  const gate = await one.server.hold("refresh", "arrival");
  const impatient = one.tab.run((url) => {
    window.giveUp = new AbortController();
    return send(url, { id: "impatient", signal: giveUp.signal });
  }, one.notes);
  await one.server.seen("refresh_arrived");
  await one.tab.run(() => giveUp.abort());
  same((await impatient).error.name, "AbortError", "the impatient outcome");
  await gate.open();
  same((await one.send("next")).status, 200, "the next outcome");
  await one.posts(1);
  same(await one.seen("impatient"), [], "what was sent of the impatient one");
  same(await one.sequences("next"), [2], "the token of the next");
});

test("s12_the_same_token_again_is_a_failure_and_does_not_loop", async (world) => {
  const one = await Case.refused(world);
  await one.server.fault("refresh", { kind: "same_tokens" });
  const { error } = await one.send("one");
  same([error.code, error.action, error.status], ["same-token", "fix-configuration", 401], "the error");
  await one.posts(1);
  same((await one.seen("one")).length, 1, "how often it was sent");
});
