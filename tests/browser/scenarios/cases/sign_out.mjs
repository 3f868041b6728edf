// L: sign-in and sign-out, and requests that are caught between.
import { Case, test } from "../../harness/case.mjs";
import { same } from "../../harness/registry.mjs";

test("l1_l3_sign_out_during_a_refresh_wins_and_waiters_learn_it_at_once", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("refresh", "answer");
  const waiting = one.send("waiting");
  await one.server.seen("refresh_granted");
  await one.tab.signOut();
  // The refresh is still held: the waiter does not wait for it.
  const { error } = await waiting;
  same([error.code, error.reason, error.status], ["signed-out", "sign-out", 401], "the waiter's error");
  await gate.open();
  await one.server.seen("family_died");
  same((await one.send("next")).error.code, "signed-out", "the next outcome");
  same([(await one.seen("waiting")).length, (await one.seen("next")).length], [1, 0], "what was sent");
  await one.posts(1);
});

test("l2_a_request_is_not_replayed_as_the_user_who_signed_in_meanwhile", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("refresh", "answer");
  const waiting = one.send("ada", { method: "POST", body: "by ada" });
  await one.server.seen("refresh_granted");
  await one.signIn("bob");
  await gate.open();
  const { error } = await waiting;
  same([error.code, error.status], ["replaced", 401], "the error");
  same((await one.send("bob")).status, 200, "the next outcome");
  same((await one.seen("ada")).length, 1, "how often Ada's was sent");
  same(await one.sequences("bob"), [1], "Bob's token");
});

test("l2_a_refusal_that_arrives_after_another_sign_in_is_not_replayed", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("api", "answer", { status: 401 });
  const waiting = one.send("ada");
  await one.server.seen("api_arrived");
  await one.signIn("bob");
  await gate.open();
  const { error } = await waiting;
  same([error.code, error.status], ["replaced", 401], "the error");
  same((await one.seen("ada")).length, 1, "how often Ada's was sent");
  await one.posts(0);
});

test("l6_without_a_token_nothing_is_sent", async (world) => {
  const one = await Case.of(world, { signedIn: false });
  const code = async () => {
    const { error } = await one.send();
    return [error.code, error.reason];
  };
  same(await code(), ["not-signed-in", undefined], "the answer before any sign-in");
  const { accessToken, expiresIn } = await one.server.tokens();
  await one.tab.signIn({ accessToken, expiresIn });
  await one.expire();
  same(await code(), ["signed-out", "expired"], "the answer without a refresh token");
  await one.tab.signOut();
  same(await code(), ["signed-out", "sign-out"], "the answer after a sign-out");
  same((await one.counters()).api_requests, 0, "the number of requests");
  await one.posts(0);
});
