// examples/angular, used as a visitor does.
import { same } from "../harness/registry.mjs";
import { answered, outlived, reload, TILES, twoTabs } from "./tiles.mjs";

async function signIn(page) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await answered(page);
}

/** What the server saw while `work` was done. */
async function during(example, work) {
  const before = await example.counters();
  await work();
  const after = await example.counters();
  const posts = after.refresh_posts - before.refresh_posts;
  const requests = after.api_requests - before.api_requests;
  return { posts, requests, reused: after.reuse_detected - before.reuse_detected };
}

const expire = (example) => example.order("POST", "expire", {});

export const tests = {
  async b10_s1_fifty_calls_of_http_client_in_each_of_two_tabs_make_one_post(example) {
    const tabs = await twoTabs(example, signIn);
    await expire(example);
    const seen = await during(example, () => Promise.all(tabs.map(reload)));
    same(seen, { posts: 1, requests: 4 * TILES, reused: 0 }, "what the server saw");
  },

  async b10_s1_t1_after_the_five_seconds_of_a_token_both_tabs_renew_it_once_before_they_call(example) {
    const tabs = await twoTabs(example, signIn);
    await outlived(tabs[0]);
    const seen = await during(example, () => Promise.all(tabs.map(reload)));
    same(seen, { posts: 1, requests: 2 * TILES, reused: 0 }, "what the server saw");
  },

  async b10_s5_switching_to_other_requests_cancels_these_and_never_the_refresh(example) {
    const page = await example.open();
    await signIn(page);
    await expire(example);
    const gate = await example.order("POST", "gates", { point: "refresh", stage: "arrival" });
    const arrived = page.waitForRequest("**/api/auth/refresh");
    const seen = await during(example, async () => {
      await page.dispatchEvent("#reload", "click");
      await arrived;
      // Those who began the refresh and those who wait for it are given up, twice.
      await page.dispatchEvent("#reload", "click");
      await page.dispatchEvent("#reload", "click");
      await example.order("DELETE", `gates/${gate.id}`);
      await answered(page);
    });
    same([seen.posts, seen.reused], [1, 0], "the number of refreshes, and of reuses");
    // At most all three rounds were refused; only the last was sent again, and those given up were not.
    if (seen.requests > 4 * TILES) throw new Error(`${seen.requests} requests: some that were given up were sent again`);
    same(await page.locator("#status").textContent(), "signed-in", "the status");
  },

  async b10_l1_signing_out_in_one_tab_leads_the_other_to_the_login(example) {
    const tabs = await twoTabs(example, signIn);
    await tabs[0].click("#sign-out");
    for (const tab of tabs) await tab.waitForURL("**/login");
  },

  async b10_the_guard_leads_to_the_login_and_a_wrong_password_is_said(example) {
    const page = await example.open();
    await page.waitForURL("**/login?returnTo=**");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "Wrong user name or password." }).waitFor();
  },
};

/** The same of an application that another Angular has built, and that it has. */
export const builtWith = (version) => ({
  ...tests,
  async b10_the_page_is_built_with_the_angular_that_is_meant(example) {
    const page = await example.open();
    const root = page.locator("[ng-version]").first();
    same((await root.getAttribute("ng-version")).split(".")[0], version, "the version that Angular writes into the page");
  },
});
