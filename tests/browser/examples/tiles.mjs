// What the tests of the Angular example have in common, whoever it signs in at.
import { same } from "../harness/registry.mjs";

export const TILES = 50;

/** Waits until every tile shows an answer. */
export async function answered(page) {
  await page.waitForFunction((count) => document.querySelectorAll("li.answered").length === count, TILES);
  same(await page.locator("li").allTextContents(), Array(TILES).fill("200"), "the tiles");
}

/** Presses the button for many requests, and waits for their answers. Not as a mouse does: only one tab can be in front. */
export async function reload(page) {
  await page.dispatchEvent("#reload", "click");
  await answered(page);
}

/** Lets a token's five seconds pass. Nobody calls meanwhile, so nobody renews. */
export async function outlived(page) {
  await page.waitForFunction((expired) => Date.now() > expired, Date.now() + 5500);
}

/** Two tabs that show answers, signed in by one of them. */
export async function twoTabs(example, signIn) {
  const tabs = [await example.open(), await example.open()];
  await signIn(tabs[0]);
  await tabs[1].goto(example.url);
  await answered(tabs[1]);
  return tabs;
}
