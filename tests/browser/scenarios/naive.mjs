// The pages that the others are compared with: without these, a server that has stopped biting would not be noticed.
import { check, test } from "../harness/registry.mjs";
import { refusedTogether } from "../harness/storms.mjs";

test("a_naive_page_makes_many_posts_and_is_signed_out", async (world) => {
  await world.start();
  await refusedTogether(world, { tabs: 1, requests: 5, client: "naive" });
  const { refresh_posts, reuse_detected } = await world.server.counters();
  check(refresh_posts > 1 && reuse_detected > 0, `${refresh_posts} POSTs, ${reuse_detected} reuses`);
});

test("naive_tabs_make_many_posts_and_are_signed_out", async (world) => {
  await world.start();
  await refusedTogether(world, { tabs: 3, requests: 2, client: "naive" });
  const { refresh_posts, reuse_detected } = await world.server.counters();
  check(refresh_posts > 1 && reuse_detected > 0, `${refresh_posts} POSTs, ${reuse_detected} reuses`);
});
