// A token endpoint that fails, and tabs that share what comes of it.
import { Case } from "../harness/case.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

const storm = (world, tabs, count) => Promise.all(tabs.map((tab) => tab.storm(`${world.api}/api/items`, count)));
const ends = async (tab) => (await tab.events()).filter(({ type }) => type === "signout").map(({ reason }) => reason);

test("b1_f5_f7_a_lost_answer_without_a_grace_window_signs_every_tab_out_once_and_says_why", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs } = await world.signedIn({ count: 3 });
  await server.expire();
  await server.fault("refresh", { kind: "lose_answer" });
  for (const outcome of await storm(world, tabs, 5)) same(outcome, { "signed-out": 5 }, "a tab's outcome");
  for (const tab of tabs) {
    await tab.until("signed-out");
    same(await ends(tab), ["replay-detected"], "a tab's sign-outs");
  }
  await world.posts(2, { reuse_detected: 1 });
}, { once: ["firefox"] });

test("b1_f5_a_lost_answer_with_a_grace_window_is_not_noticed_in_any_tab", async (world) => {
  await world.start();
  const { server } = world;
  await server.settings({ rotation: { kind: "grace", window_ms: 30_000, replay: "same_pair" } });
  const { tabs } = await world.signedIn({ count: 3 });
  await server.expire();
  await server.fault("refresh", { kind: "lose_answer" });
  for (const outcome of await storm(world, tabs, 5)) same(outcome, { 200: 5 }, "a tab's outcome");
  for (const tab of tabs) same(await ends(tab), [], "a tab's sign-outs");
  await world.posts(2);
}, { once: ["firefox"] });

test("b1_f5_the_strict_profile_does_not_present_a_token_again_while_there_is_something_to_lose", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs } = await world.signedIn({ count: 2, options: { profile: "strict" } });
  await server.expire();
  await server.fault("refresh", { kind: "lose_answer" });
  for (const outcome of await storm(world, tabs, 3)) same((outcome.ambiguous ?? 0) + (outcome.transient ?? 0), 3, JSON.stringify(outcome));
  for (const tab of tabs) same(await tab.status(), "signed-in", "a tab's status");
  await world.posts(1);
}, { once: ["firefox"] });

test("a_browser_sends_a_refresh_again_by_itself_when_a_connection_breaks_that_was_used_before", async (world) => {
  const one = await Case.of(world, { options: { profile: "strict" } });
  await one.server.expire();
  same((await one.send()).status, 200, "the outcome of the first refresh, which opens the connection");
  await one.server.expire();
  await one.server.fault("refresh", { kind: "lose_answer" });
  // One POST is ours, the other is the browser's: no page can keep it from that over HTTP/1.1.
  same((await one.send()).error.code, "signed-out", "the outcome where that counts as a replay");
  await one.posts(3, { reuse_detected: 1 });
}, { once: BOTH });

/** What goes wrong, and what callers are told: the code and what to do. */
const MEANINGS = [
  [{ kind: "status", status: 500 }, "ambiguous", "retry-later"],
  [{ kind: "status", status: 504 }, "ambiguous", "retry-later"],
  [{ kind: "bad_gateway_html" }, "ambiguous", "retry-later"],
  [{ kind: "html200" }, "ambiguous", "retry-later"],
  [{ kind: "empty_body" }, "ambiguous", "retry-later"],
  [{ kind: "torn_body" }, "ambiguous", "retry-later"],
  [{ kind: "oversized", bytes: 2_000_000 }, "ambiguous", "retry-later"],
  [{ kind: "with_member", name: "access_token", value: 7 }, "ambiguous", "retry-later"],
  [{ kind: "with_member", name: "token_type", value: "DPoP" }, "ambiguous", "retry-later"],
  [{ kind: "unavailable" }, "transient", "retry-later"],
  [{ kind: "too_many_requests" }, "transient", "retry-later"],
  [{ kind: "status", status: 404 }, "configuration", "fix-configuration"],
  [{ kind: "oauth_error", code: "unauthorized_client" }, "configuration", "fix-configuration"],
  [{ kind: "oauth_error", code: "login_required" }, "interaction", "sign-in"],
  [{ kind: "oauth_error", status: 403, code: "invalid_grant" }, "signed-out", "sign-in"],
  [{ kind: "error_as_object", code: "invalid_grant" }, "signed-out", "sign-in"],
  [{ kind: "json", status: 200, body: { error: "invalid_grant" } }, "signed-out", "sign-in"],
];
const FINE = [
  { kind: "without_member", name: "token_type" },
  { kind: "with_member", name: "token_type", value: "bearer" },
  { kind: "content_type", content_type: "text/html" },
  ...[undefined, "900", 900.5, 0, -1, 1e300].map((value) =>
    value === undefined ? { kind: "without_member", name: "expires_in" } : { kind: "with_member", name: "expires_in", value }),
];

test("b1_f1_f8_f10_f13_o5_every_meaning_of_a_token_answer_is_told_and_what_to_do", async (world) => {
  const one = await Case.of(world, { settings: { rotation: { kind: "none" } } });
  const got = [];
  for (const [fault] of MEANINGS) {
    await one.signIn();
    await one.server.expire();
    await one.server.fault("refresh", fault, { always: true });
    const { error, status } = await one.send();
    got.push([fault, error?.code ?? status, error?.action]);
    await one.server.order("DELETE", "faults");
  }
  for (const [number, meaning] of MEANINGS.entries()) same(got[number], meaning, "the meaning");
  for (const fault of FINE) {
    await one.signIn();
    await one.server.expire();
    await one.server.fault("refresh", fault);
    same((await one.send()).status, 200, JSON.stringify(fault));
  }
}, { once: BOTH });

test("b1_f4_f9_p16_an_outage_costs_one_post_per_step_in_all_tabs_and_passes", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs } = await world.signedIn({ count: 4 });
  await server.expire();
  await server.fault("refresh", { kind: "unavailable", retry_after: { date_in: 30 } }, { always: true });
  for (const outcome of await storm(world, tabs, 10)) same(outcome, { transient: 10 }, "a tab's outcome");
  for (const outcome of await storm(world, tabs, 10)) same(outcome, { transient: 10 }, "a tab's outcome in the pause");
  await world.posts(1);
  const waits = await Promise.all(tabs.map(async (tab) => (await tab.send(`${world.api}/api/items`)).error.retryAfter));
  for (const wait of waits) check(wait > 20_000 && wait <= 40_000, `to be tried again in ${waits} ms`);
  await server.order("DELETE", "faults");
  for (const tab of tabs) await tab.jump(Math.max(...waits), Math.max(...waits));
  for (const outcome of await storm(world, tabs, 10)) same(outcome, { 200: 10 }, "a tab's outcome when it is over");
  await world.posts(2);
}, { once: ["firefox"] });

test("b1_f6_a_refresh_that_hangs_is_ended_by_its_deadline", async (world) => {
  const one = await Case.refused(world, { options: { requestDeadline: 700, profile: "strict" } });
  await one.server.fault("refresh", { kind: "hang" });
  const { error } = await one.send();
  same([error.code, error.action], ["ambiguous", "retry-later"], "the error");
  check(/in time/.test(error.message), error.message);
  same(await one.tab.status(), "signed-in", "the status");
  await one.posts(1);
}, { once: BOTH });

test("b1_f11_a_server_that_swallowed_everything_for_ten_minutes_costs_no_sign_in", async (world) => {
  const one = await Case.refused(world, { options: { requestDeadline: 500 } });
  await one.server.fault("refresh", { kind: "swallow" }, { always: true });
  for (let minutes = 0; minutes < 10; minutes += 2) {
    const { error } = await one.send();
    same(error.action, "retry-later", `the outcome after ${minutes} minutes`);
    await one.tab.jump(120_000, 120_000);
  }
  await one.server.order("DELETE", "faults");
  same((await one.send()).status, 200, "the outcome when it answers again");
  same(await one.tab.status(), "signed-in", "the status");
}, { once: BOTH, alone: true });

test("b1_t7_a_clock_that_ran_a_year_ahead_in_an_outage_delays_nothing_when_it_is_put_right", async (world) => {
  const YEAR = 365 * 86_400_000;
  const one = await Case.refused(world);
  await one.server.fault("refresh", { kind: "unavailable" }, { always: true });
  await one.tab.jump(YEAR);
  same((await one.send()).error.code, "transient", "the outcome in the outage");
  await one.server.order("DELETE", "faults");
  await one.tab.jump(-YEAR);
  const { error } = await one.send();
  check(error === undefined || error.retryAfter <= 60_000, `to be tried again in ${error?.retryAfter} ms`);
  if (error) await one.tab.jump(error.retryAfter, error.retryAfter);
  same((await one.send()).status, 200, "the outcome");
}, { once: BOTH });

test("b1_s10_s11_code_of_the_application_that_calls_back_or_throws_hangs_nothing", async (world) => {
  await world.start();
  const tab = await world.open(await world.context());
  const { accessToken, refreshToken } = await world.server.tokens();
  const outcomes = await tab.run(async ([origins, tokens]) => {
    const told = [];
    let work;
    const session = createSession({ origins, requestDeadline: 700, refresh: () => work() });
    for (const type of ["refreshing", "refreshed", "refreshfailed", "change"])
      session.addEventListener(type, () => {
        session.status;
        session.isRefusal(401, null);
        session.retryNow();
      });
    await session.signIn({ ...tokens, expiresIn: 900 });
    const ask = async () => {
      const { stamp } = await session.authorization();
      return session.newerThan(stamp).then(() => "newer", ({ code }) => code);
    };
    // It waits for itself.
    work = async () => ({ accessToken: (await session.newerThan((await session.authorization()).stamp)).header });
    told.push(await ask());
    work = () => {
      throw new Error("a mistake");
    };
    session.retryNow();
    told.push(await ask());
    work = async () => ({ accessToken: "newer", refreshToken: "next", expiresIn: 900 });
    session.retryNow();
    told.push(await ask());
    return told;
  }, [[world.api], { accessToken, refreshToken }]);
  same(outcomes, ["ambiguous", "ambiguous", "newer"], "the outcomes");
}, { once: BOTH });
