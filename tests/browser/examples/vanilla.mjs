// examples/vanilla, used as a visitor does.
import { same } from "../harness/registry.mjs";

/** Waits until the element `id` says what `wanted` matches. */
const says = (page, id, wanted) => page.locator(`#${id}`, { hasText: wanted }).waitFor();

export const tests = {
  async fifty_requests_with_an_expired_token_make_one_refresh(example) {
    const page = await example.open();
    await says(page, "status", "never-signed-in");
    await page.getByRole("button", { name: "Sign in" }).click();
    await says(page, "status", "signed-in, shared by locks");
    const expired = page.waitForResponse("**/_control/expire");
    await page.click("#expire");
    await expired;
    const before = await example.counters();
    await page.click("#fifty");
    await says(page, "outcome", "50 × 200");
    const after = await example.counters();
    same(after.refresh_posts - before.refresh_posts, 1, "the number of refreshes");
    same(after.api_requests - before.api_requests, 100, "the number of requests");
    await says(page, "posts", String(after.refresh_posts));
  },

  async a_second_tab_shares_the_session_until_one_of_them_signs_out(example) {
    const [one, other] = [await example.open(), await example.open()];
    await one.getByRole("button", { name: "Sign in" }).click();
    for (const tab of [one, other]) await says(tab, "status", "signed-in");
    await example.order("POST", "expire", {});
    const before = await example.counters();
    // Not as a mouse does: only one tab can be in front.
    await Promise.all([one, other].map((tab) => tab.dispatchEvent("#fifty", "click")));
    for (const tab of [one, other]) await says(tab, "outcome", "50 × 200");
    const after = await example.counters();
    same(after.refresh_posts - before.refresh_posts, 1, "the number of refreshes");
    await other.click("#sign-out");
    for (const tab of [one, other]) await says(tab, "status", "signed-out (sign-out)");
    await one.click("#one");
    await says(one, "outcome", "1 × signed-out");
  },

  async a_wrong_password_is_said(example) {
    const page = await example.open();
    await page.fill("#password", "wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await says(page, "events", "not signed in: wrong user name or password");
    same(await page.locator("#status").textContent(), "never-signed-in, shared by locks", "the status");
  },
};
