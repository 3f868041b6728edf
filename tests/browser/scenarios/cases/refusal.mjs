// R: refusal and replay.
import { Case, test } from "../../harness/case.mjs";
import { check, same } from "../../harness/registry.mjs";

const raw = (...values) => ({ kind: "raw", values });

test("r1_every_form_of_refusal_is_followed_by_a_replay", async (world) => {
  const one = await Case.of(world);
  const forms = [
    { kind: "rfc6750" },
    { kind: "bare" },
    { kind: "none" },
    { kind: "several" },
    raw('bearer Error="invalid_token"'),
    raw('Token realm="home-grown"'),
    raw('Bearer error="token_expired"'),
  ];
  for (const [number, challenge] of forms.entries()) {
    await one.server.settings({ challenge });
    // As the budget of refusals knows nothing of before.
    await one.signIn();
    await one.server.expire();
    same((await one.send(`${number}`)).status, 200, JSON.stringify(challenge));
    same(await one.sequences(`${number}`), [1, 2], JSON.stringify(challenge));
    await one.posts(number + 1);
  }
});

test("r2_refusals_that_a_renewal_cannot_help_are_handed_back_as_they_came", async (world) => {
  const one = await Case.of(world);
  const refusals = [
    [401, 'Bearer error="insufficient_scope", scope="admin"'],
    [401, 'Bearer error="insufficient_user_authentication", max_age="5"'],
    [401, 'DPoP error="use_dpop_nonce"'],
    [401, 'Basic realm="other"'],
    [403, 'Bearer error="invalid_token"'],
    [403, 'Bearer error="insufficient_scope"'],
    [400, 'Bearer error="invalid_token"'],
  ];
  for (const [status, challenge] of refusals) {
    await one.server.fault("api", { kind: "status", status, headers: { "www-authenticate": challenge } });
    const got = await one.send();
    same([got.status, got.challenge, got.why], [status, challenge, undefined], challenge);
  }
  await one.posts(0);
  same((await one.counters()).api_requests, refusals.length, "the number of requests");
});

test("r2_the_callers_own_credentials_are_neither_overwritten_nor_renewed", async (world) => {
  const one = await Case.of(world);
  const own = await one.send("own", { headers: { authorization: "Bearer of-the-caller" } });
  same([own.status, own.why], [401, undefined], "the outcome with the caller's own");
  same((await one.seen("own"))[0].credentials.kind, "unknown_token", "what was sent");
  const out = await one.send("out", { oneflight: { optOut: true } });
  same([out.status, out.why], [401, undefined], "the outcome without any");
  same((await one.seen("out"))[0].credentials.kind, "none", "what was sent");
  await one.posts(0);
  same((await one.counters()).api_requests, 2, "the number of requests");
});

test("r3_the_second_refusal_is_handed_back_as_it_came", async (world) => {
  const one = await Case.of(world);
  await one.server.settings({ reject_everything: true });
  const got = await one.send("one");
  same([got.status, got.why], [401, undefined], "the outcome");
  check(got.challenge.includes("invalid_token"), got.challenge);
  same(JSON.parse(got.text).error, "invalid_token", "the body");
  same(await one.sequences("one"), [1, 2], "the tokens");
  await one.posts(1);
});

test("r4_an_api_that_refuses_everything_costs_a_bounded_number_of_refreshes", async (world) => {
  const BUDGET = 5;
  const one = await Case.of(world);
  await one.server.settings({ reject_everything: true });
  let paused = 0;
  for (let n = 0; n < 20; n++) {
    const { status, why } = await one.send();
    same(status, 401, "the outcome");
    check(why === undefined || why === "not-renewed", why);
    if (why) paused++;
  }
  await one.posts(BUDGET);
  same(paused, 20 - BUDGET, "how often renewing was paused");
  await one.server.settings({ reject_everything: false });
  same((await one.send()).status, 200, "the outcome when the API is well again");
  await one.posts(BUDGET);
});

test("r7_a_401_of_the_token_endpoint_is_an_error_of_configuration", async (world) => {
  const one = await Case.refused(world);
  await one.server.fault("refresh", { kind: "oauth_error", status: 401, code: "invalid_client" });
  const { error } = await one.send("one");
  same([error.code, error.action, error.status], ["configuration", "fix-configuration", 401], "the error");
  check(/client id/.test(error.message), error.message);
  await one.posts(1);
  same((await one.seen("one")).length, 1, "how often it was sent");
  same(await one.tab.status(), "signed-in", "the status");
});

test("r7_f10_a_client_may_ask_for_the_refusal_in_place_of_the_error", async (world) => {
  const one = await Case.refused(world, { options: { onFailure: "response" } });
  await one.server.fault("refresh", { kind: "oauth_error", status: 401, code: "invalid_client" });
  const { status, why } = await one.send();
  same([status, why], [401, "not-renewed"], "the outcome");
});

test("r9_other_failures_of_the_api_pass_through", async (world) => {
  const one = await Case.of(world);
  for (const status of [500, 502, 503, 504, 429]) {
    await one.server.fault("api", { kind: "status", status });
    same((await one.send()).status, status, "the outcome");
  }
  // A browser sends by itself a second time what met a connection that broke: so all are lost.
  await one.server.fault("api", { kind: "lose_request" }, { always: true });
  const { status, error } = await one.send("lost", { method: "POST", body: "x" });
  same([status, error?.name, error?.code], [undefined, "TypeError", undefined], "the outcome of a lost one");
  await one.posts(0);
});

test("r9_a_request_that_is_given_up_renews_nothing", async (world) => {
  const one = await Case.of(world);
  const gate = await one.server.hold("api", "arrival");
  const given = one.tab.run((url) => {
    window.giveUp = new AbortController();
    return send(url, { signal: giveUp.signal });
  }, one.notes);
  await one.server.seen("api_arrived");
  await one.tab.run(() => giveUp.abort());
  same((await given).error.name, "AbortError", "the outcome of the one given up");
  await gate.open();
  same((await one.send()).status, 200, "the next outcome");
  await one.posts(0);
});

test("r10_a_refused_post_is_replayed_unless_it_or_the_client_opts_out", async (world) => {
  const one = await Case.refused(world);
  const post = { method: "POST", body: "pay" };
  same((await one.send("one", post)).status, 200, "the outcome");
  same(await one.sequences("one"), [1, 2], "the tokens");
  await one.server.expire();
  const { generation } = await one.tab.snapshot();
  const { status, why } = await one.send("two", { ...post, oneflight: { noReplay: true } });
  same([status, why], [401, "opted-out"], "the outcome of the one that opted out");
  await one.tab.newer(generation);
  same((await one.send("next")).status, 200, "the next outcome");
  same([await one.sequences("two"), await one.sequences("next")], [[2], [3]], "the tokens");
  await one.posts(2);
});
