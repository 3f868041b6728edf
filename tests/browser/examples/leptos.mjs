// examples/leptos, used as a visitor does.
import { same } from "../harness/registry.mjs";

const TILES = 50;

const signedIn = (page) => page.locator("#reload").waitFor();
const signIn = (page) => page.getByRole("button", { name: "Sign in" }).click();

/** Waits until every tile shows the answer to the newest round. */
async function answered(page) {
  await page.waitForFunction((count) => document.querySelectorAll("li.fresh").length === count, TILES);
  const texts = await page.locator("li").allTextContents();
  same(texts, Array(TILES).fill("200"), "the tiles");
}

/** What the server saw while `work` was done. */
async function during(example, work) {
  const before = await example.counters();
  await work();
  const after = await example.counters();
  const posts = after.refresh_posts - before.refresh_posts;
  return { posts, requests: after.api_requests - before.api_requests, reused: after.reuse_detected - before.reuse_detected };
}

export const tests = {
  async b1_s1_fifty_tiles_in_each_of_two_tabs_make_one_post(example) {
    const tabs = [await example.open(), await example.open()];
    await signIn(tabs[0]);
    for (const tab of tabs) {
      await signedIn(tab);
      await answered(tab);
    }
    await example.order("POST", "expire", {});
    const seen = await during(example, async () => {
      // Not as a mouse does: only one tab can be in front.
      await Promise.all(tabs.map((tab) => tab.dispatchEvent("#reload", "click")));
      for (const tab of tabs) await answered(tab);
    });
    same(seen, { posts: 1, requests: 4 * TILES, reused: 0 }, "what the server saw");
    const { refresh_posts } = await example.counters();
    for (const tab of tabs) await tab.locator("#posts", { hasText: String(refresh_posts) }).waitFor();
  },

  async b1_b5_signing_out_shows_in_the_other_tab(example) {
    const tabs = [await example.open(), await example.open()];
    await signIn(tabs[0]);
    for (const tab of tabs) await signedIn(tab);
    await tabs[1].click("#sign-out");
    for (const tab of tabs) await tab.locator("#status", { hasText: "SignedOut(SignOut), shared: Locks" }).waitFor();
    for (const tab of tabs) await tab.getByRole("button", { name: "Sign in" }).waitFor();
  },

  async b1_s5_tiles_that_are_asked_again_drop_their_requests_and_not_the_refresh(example) {
    const page = await example.open();
    await signIn(page);
    await answered(page);
    await example.order("POST", "expire", {});
    const seen = await during(example, async () => {
      for (let n = 0; n < 5; n++) await page.dispatchEvent("#reload", "click");
      await answered(page);
    });
    same([seen.posts, seen.reused], [1, 0], "the number of refreshes, and of reuses");
    await page.locator("#status", { hasText: "SignedIn" }).waitFor();
  },
};
