// Sessions of Rust, in a page whose only WASM module is the application's own.
import { check, same } from "../harness/registry.mjs";
import { bounded } from "../harness/bounded.mjs";

/** A tab with a session: `window.rust`. */
async function open(example, { endpoint, handsBack = false, own = false } = {}) {
  const page = await example.open();
  await page.waitForFunction(() => window.ready);
  if (own) await page.evaluate(() => void beginOwn());
  else await page.evaluate(([endpoint, handsBack]) => void begin(endpoint, handsBack), [endpoint, handsBack]);
  return page;
}

async function tokens(example) {
  const got = await example.order("POST", "sessions", {});
  return [got.access_token, got.refresh_token, got.expires_in];
}

const oauth = { endpoint: "/oauth/token" };
const storm = (page, count) => page.evaluate((count) => rust.storm(count), count);
const signIn = async (example, page) => same(await page.evaluate((t) => rust.sign_in(...t), await tokens(example)), true, "saved");
const status = (page) => page.evaluate(() => rust.snapshot());
const expire = (example) => example.order("POST", "expire", {});

/** Waits until `said` was heard. */
const hears = (page, said) =>
  bounded(
    page.evaluate(async (said) => {
      window.all ??= [];
      while (!window.all.some((one) => one.startsWith(said))) {
        window.all.push(...rust.heard());
        await new Promise((wake) => requestAnimationFrame(wake));
      }
    }, said),
    `hearing: ${said}`,
  );

/** What the server saw while `work` was done. */
async function during(example, work) {
  const before = await example.counters();
  await work();
  const after = await example.counters();
  const posts = after.refresh_posts - before.refresh_posts;
  return { posts, requests: after.api_requests - before.api_requests, reused: after.reuse_detected - before.reuse_detected };
}

/** Holds what arrives at `point` until the outcome is called. */
async function hold(example, point) {
  const { id } = await example.order("POST", "gates", { point, stage: "arrival" });
  return () => example.order("DELETE", `gates/${id}`);
}

/** Waits until the server has seen `fits`. */
const saw = (example, what, fits) =>
  bounded(
    (async () => {
      while (!fits(await example.counters())) await new Promise((wake) => setTimeout(wake, 5));
    })(),
    what,
  );

export const tests = {
  async b1_s1_fifty_requests_of_rust_in_two_tabs_make_one_post(example) {
    const tabs = [await open(example, oauth), await open(example, oauth)];
    await signIn(example, tabs[0]);
    for (const tab of tabs) await hears(tab, "SignedIn");
    await expire(example);
    const seen = await during(example, async () => {
      const outcomes = await Promise.all(tabs.map((tab) => storm(tab, 50)));
      same(outcomes, ['{"200": 50}', '{"200": 50}'], "the outcomes");
    });
    same(seen, { posts: 1, requests: 200, reused: 0 }, "what the server saw");
  },

  async b2_b5_a_page_of_rust_and_one_of_javascript_share_one_grant(example) {
    const rust = await open(example, oauth);
    const script = await example.open();
    await script.evaluate(async () => {
      const { createSession } = await import("/oneflight/index.js");
      window.session = createSession({ tokenEndpoint: "/oauth/token", clientId: "app", origins: ["self"], storage: "local" });
      await session.ready;
    });
    await signIn(example, rust);
    await script.waitForFunction(() => session.status === "signed-in");
    await expire(example);
    const seen = await during(example, async () => {
      const outcomes = await Promise.all([
        storm(rust, 20),
        script.evaluate(async () => {
          const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => session.fetch(`/api/others/${n}`)));
          return answers.filter((answer) => answer.ok).length;
        }),
      ]);
      same(outcomes, ['{"200": 20}', 20], "the outcomes");
    });
    same(seen, { posts: 1, requests: 80, reused: 0 }, "what the server saw");
    await script.evaluate(() => session.signOut());
    await hears(rust, "signed out: SignOut, here: false");
    same(await status(rust), "SignedOut(SignOut) by Locks", "the status");
    same(await rust.evaluate(() => rust.failure("/api/items")), "SignedOut(SignOut), SignIn, None", "the failure");
  },

  async b1_s5_futures_that_are_dropped_leave_the_refresh_alone(example) {
    const page = await open(example, oauth);
    await signIn(example, page);
    for (const polls of [1, 2, 5, 50]) {
      await expire(example);
      const seen = await during(example, async () => {
        const open = await hold(example, "refresh");
        const before = await example.counters();
        const waits = page.evaluate(() => rust.storm(1));
        await saw(example, "the refresh", (now) => now.refresh_posts > before.refresh_posts);
        await page.evaluate((polls) => rust.give_up("/api/given-up", polls), polls);
        await open();
        same(await waits, '{"200": 1}', "the outcome of the one that waits");
      });
      same([seen.posts, seen.reused], [1, 0], "the number of refreshes, and of reuses");
    }
  },

  async b1_s5_the_future_that_leads_the_refresh_is_dropped_and_the_refresh_is_not(example) {
    const page = await open(example, oauth);
    await signIn(example, page);
    await expire(example);
    const seen = await during(example, async () => {
      const open = await hold(example, "refresh");
      const before = await example.counters();
      await page.evaluate(() => rust.lead("/api/leads"));
      await saw(example, "the refresh", (now) => now.refresh_posts > before.refresh_posts);
      await page.evaluate(() => rust.drop_lead());
      await open();
      await hears(page, "refreshed, here: true");
      same(await storm(page, 3), '{"200": 3}', "the outcome afterwards");
    });
    // The leader's refusal, and three that were sent once.
    same(seen, { posts: 1, requests: 4, reused: 0 }, "what the server saw");
  },

  async b7_a_request_whose_future_is_dropped_is_aborted(example) {
    const page = await open(example, oauth);
    await signIn(example, page);
    const release = await hold(example, "api");
    const before = await example.counters();
    const aborted = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/api/dropped"));
    await page.evaluate(() => rust.lead("/api/dropped"));
    await saw(example, "the request", (now) => now.api_requests > before.api_requests);
    await page.evaluate(() => rust.drop_lead());
    await bounded(aborted, "the end of the request");
    await release();
  },

  async b7_r5_r10_a_post_of_rust_is_sent_again_with_its_body_unless_it_opts_out(example) {
    const page = await open(example, oauth);
    await signIn(example, page);
    await expire(example);
    same(await page.evaluate(() => rust.post("a body", true)), "401 opted out", "the one that opted out");
    same(await page.evaluate(() => rust.post("a body", false)), "200", "the next");
    await expire(example);
    const seen = await during(example, async () => same(await page.evaluate(() => rust.post("a body", false)), "200", "the status"));
    same(seen, { posts: 1, requests: 2, reused: 0 }, "what the server saw");
  },

  async b1_r1_a_token_by_hand_is_renewed_after_its_refusal(example) {
    const page = await open(example, oauth);
    await signIn(example, page);
    await expire(example);
    const seen = await during(example, async () => same(await page.evaluate(() => rust.by_hand("/api/by-hand")), "401 200", "the statuses"));
    same(seen, { posts: 1, requests: 2, reused: 0 }, "what the server saw");
  },

  async b1_f3_f10_what_rust_is_told_says_what_can_be_done(example) {
    const page = await open(example, oauth);
    same(await page.evaluate(() => rust.failure("/api/items")), "NotSignedIn, SignIn, None", "before a sign-in");
    await signIn(example, page);
    await expire(example);
    await example.order("POST", "faults", { point: "refresh", fault: { kind: "unavailable", retry_after: { seconds: 1 } }, times: 1 });
    const failure = await page.evaluate(() => rust.failure("/api/items"));
    check(/^Transient, Retry \{ after: .+ \}, Some\(401\)$/.test(failure), `the failure is ${failure}`);
    await hears(page, "refresh failed: Transient");
    same((await status(page)).split(" ")[0], "SignedIn", "the status");
    await page.evaluate(() => rust.deafen());
  },

  async b1_s1_a_refresh_of_ones_own_runs_once_for_all_and_can_say_that_it_is_over(example) {
    const page = await open(example, { own: true });
    const { access_token, refresh_token, family } = await example.order("POST", "sessions", {});
    await page.evaluate((tokens) => rust.sign_in(...tokens, 900), [access_token, refresh_token]);
    await expire(example);
    const seen = await during(example, async () => same(await storm(page, 50), '{"200": 50}', "the outcomes"));
    same(seen, { posts: 1, requests: 100, reused: 0 }, "what the server saw");

    // No answer that makes sense: the session is kept, and the one that asks next gets a token.
    await example.order("POST", "faults", { point: "refresh", fault: { kind: "internal_error_html" }, times: 2 });
    await expire(example);
    const lost = await page.evaluate(() => rust.failure("/api/items"));
    check(/^Ambiguous, Retry \{ after: .+ \}, Some\(401\)$/.test(lost), `the failure is ${lost}`);
    same((await status(page)).split(" ")[0], "SignedIn", "the status after a lost answer");
    await example.order("DELETE", "faults");
    await page.evaluate(() => rust.retry_now());
    same(await page.evaluate(() => rust.failure("/api/items")), "200", "the outcome afterwards");

    await example.order("POST", "revoke", { family });
    await page.evaluate(() => rust.heard());
    same(await page.evaluate(() => rust.failure("/api/items")), "SignedOut(Rejected), SignIn, Some(401)", "the failure");
    await hears(page, "signed out: Rejected, here: true");

    await signIn(example, page);
    const { logout_posts } = await example.counters();
    await page.evaluate(() => rust.sign_out());
    await saw(example, "the sign-out", (now) => now.logout_posts === logout_posts + 1);
  },

  async b1_f3_a_page_of_rust_may_have_the_refusal_handed_back(example) {
    const page = await open(example, { ...oauth, handsBack: true });
    await signIn(example, page);
    await expire(example);
    await example.order("POST", "faults", { point: "refresh", fault: { kind: "unavailable" }, times: 1 });
    same(await page.evaluate(() => rust.post("a body", false)), "401 NotRenewed", "the answer");
  },

  async b12_p2_a_refresh_of_rust_in_a_shared_worker_outlives_a_reload_where_the_browser_has_that(example) {
    const page = await open(example, oauth);
    const begin = () => page.evaluate(() => void beginWithWorker("/js/shared-worker.js"));
    await begin();
    await signIn(example, page);
    await expire(example);
    same(await storm(page, 5), '{"200": 5}', "the outcomes");
    const state = await page.evaluate(() => rust.worker_state());
    // Firefox ends a shared worker with its last page: a reload there may end the session.
    same(state, example.kind === "chromium" ? "Running" : "Unsupported", "where refreshes run");
    if (state !== "Running") return;
    await expire(example);
    const seen = await during(example, async () => {
      const before = await example.counters();
      const { id } = await example.order("POST", "gates", { point: "refresh", stage: "answer" });
      await page.evaluate(() => void rust.storm(1));
      await saw(example, "the rotation", (now) => now.rotations > before.rotations);
      await page.reload();
      await page.waitForFunction(() => window.ready);
      await example.order("DELETE", `gates/${id}`);
      await begin();
      same(await storm(page, 5), '{"200": 5}', "the next page's outcomes");
    });
    same([seen.posts, seen.reused], [1, 0], "the number of refreshes, and of reuses");
  },

  async b5_a_subscription_may_end_itself_from_within(example) {
    const page = await open(example, oauth);
    const waits = page.evaluate(() => rust.signed_in());
    for (let n = 0; n < 2; n++) await signIn(example, page);
    await bounded(waits, "the sign-in");
    same((await status(page)).split(" ")[0], "SignedIn", "the status");
  },

  async b1_l1_signing_out_and_closing_are_told_from_each_other(example) {
    const page = await open(example);
    await signIn(example, page);
    await page.evaluate(() => rust.sign_out());
    await hears(page, "signed out: SignOut, here: true");
    await signIn(example, page);
    same(await page.evaluate(() => rust.close()), "closed", "what a closed session says");
    await page.reload();
    await page.waitForFunction(() => window.ready);
    await page.evaluate(() => void begin());
    same(await status(page), "SignedIn by Locks", "the status of the next page");
  },
};
