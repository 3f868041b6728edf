// examples/angular with an OpenID provider, used as a visitor does.
import { same } from "../harness/registry.mjs";
import { answered, outlived, reload, TILES, twoTabs } from "./tiles.mjs";

/** To the provider, its login and its consent, and back. */
async function signIn(page) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("[name=login]").fill("ada");
  await page.locator("[name=password]").fill("password");
  await page.getByRole("button").first().click();
  await page.getByRole("button", { name: "Continue" }).click();
  await answered(page);
}

async function during(example, work) {
  const before = await example.counters();
  await work();
  const after = await example.counters();
  return {
    posts: after.refresh_posts - before.refresh_posts,
    refused: after.userinfo_refused - before.userinfo_refused,
    revoked: after.grants_revoked - before.grants_revoked,
  };
}

export const tests = {
  async b10_s1_r1_whether_a_token_expired_by_itself_or_is_refused_two_tabs_make_one_post(example) {
    const tabs = await twoTabs(example, signIn);
    await outlived(tabs[0]);
    const expired = await during(example, () => Promise.all(tabs.map(reload)));
    same(expired, { posts: 1, refused: 0, revoked: 0 }, "what the provider saw after five seconds");
    await example.order("POST", "expire", {});
    const refused = await during(example, () => Promise.all(tabs.map(reload)));
    same(refused, { posts: 1, refused: 2 * TILES, revoked: 0 }, "what the provider saw when it had let the token expire");
  },

  async b10_l1_signing_out_revokes_the_grant_and_leads_both_tabs_to_the_login(example) {
    const tabs = await twoTabs(example, signIn);
    const seen = await during(example, async () => {
      const revoked = tabs[1].waitForResponse("**/token/revocation");
      await tabs[1].click("#sign-out");
      same((await revoked).status(), 200, "the answer to the revocation");
      for (const tab of tabs) await tab.waitForURL("**/login");
    });
    same([seen.posts, seen.revoked], [0, 1], "refreshes, and grants that were revoked");
  },

  async b10_a_login_that_is_denied_and_an_answer_nobody_asked_for_are_said(example) {
    const page = await example.open();
    await page.waitForURL("**/login?returnTo=**");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Cancel").click();
    await page.getByRole("alert").filter({ hasText: "You did not allow it." }).waitFor();
    await page.goto(new URL("/callback?code=x&state=y", example.url).href);
    await page.getByRole("alert").filter({ hasText: "no sign-in was begun in this tab" }).waitFor();
  },
};
