// R5, R6, R11: what is sent a second time, and what comes back.
import { Case, test } from "../../harness/case.mjs";
import { same } from "../../harness/registry.mjs";

test("r5_bodies_in_memory_are_replayed_byte_for_byte", async (world) => {
  const one = await Case.of(world);
  for (const length of [0, 1, 1000, 1 << 20]) {
    await one.server.expire();
    const id = `${length} bytes`;
    const status = await one.tab.run(([url, length, id]) => {
      const body = Uint8Array.from({ length }, (_, at) => (at * at) / 7 + at);
      const sent = session.fetch(url, { method: "POST", body, headers: { "x-request-id": id } });
      // What the caller does to it afterwards is its own affair.
      body.fill(0);
      return sent.then(({ status }) => status);
    }, [one.notes, length, id]);
    same(status, 200, id);
    const tries = (await one.seen(id)).map(({ body_bytes, body_sha256 }) => [body_bytes, body_sha256]);
    same([tries.length, tries[0][0]], [2, length], id);
    same(tries[1], tries[0], `the second try of ${id}`);
  }
});

const BUFFERED = { options: { fetch: "buffered" } };

test("r5_a_refused_stream_is_handed_back_marked_and_renewed_for_the_next", async (world) => {
  const one = await Case.refused(world, BUFFERED);
  const { generation } = await one.tab.snapshot();
  const got = await one.send("stream", { stream: "streamed" });
  same([got.status, got.why, JSON.parse(got.text).error], [401, "stream", "invalid_token"], "the outcome");
  await one.tab.newer(generation);
  same((await one.send("next")).status, 200, "the next outcome");
  same((await one.seen("stream")).map(({ body_bytes }) => body_bytes), [8], "what was sent of the stream");
  same(await one.sequences("next"), [2], "the token of the next");
  await one.posts(1);
});

test("r5_before_a_stream_a_token_that_is_about_to_expire_is_renewed", async (world) => {
  const one = await Case.of(world, BUFFERED);
  await one.becomeDue();
  same((await one.send("stream", { stream: "one" })).status, 200, "the outcome");
  same(await one.sequences("stream"), [2], "the token");
  await one.posts(1);
});

test("t2_between_due_and_expiry_requests_are_served_with_the_old_token", async (world) => {
  const one = await Case.of(world);
  await one.becomeDue();
  const gate = await one.server.hold("refresh", "arrival");
  const { generation } = await one.tab.snapshot();
  for (let n = 0; n < 3; n++) same((await one.send("meanwhile", { method: "POST", body: "in memory" })).status, 200, "the outcome");
  await one.server.seen("refresh_arrived");
  same(await one.sequences("meanwhile"), [1, 1, 1], "the tokens");
  await gate.open();
  await one.tab.newer(generation);
  same((await one.send("after")).status, 200, "the outcome after");
  same(await one.sequences("after"), [2], "the token after");
  await one.posts(1);
});

test("r6_the_replay_equals_the_original", async (world) => {
  const one = await Case.refused(world);
  const headers = {
    accept: "application/json",
    "x-twice": "one, two",
    "content-type": "text/plain; charset=utf-8",
    "if-match": '"etag"',
  };
  const request = { to: "/api/notes/7?a=1&a=2&b=%20x", method: "PATCH", headers, body: "body" };
  same((await one.send("one", request)).status, 200, "the outcome");
  const [first, second] = (await one.seen("one")).map(({ method, path, query, headers, body_bytes, body_sha256 }) => ({
    method, path, query, headers, body_bytes, body_sha256,
  }));
  same([first.method, first.query, first.body_bytes], ["PATCH", "a=1&a=2&b=%20x", 4], "the original");
  same(second, first, "the replay");
});

test("r11_the_answer_to_a_replay_streams", async (world) => {
  const one = await Case.refused(world);
  const gate = await one.server.hold("api", "body");
  const first = await one.tab.run(async (url) => {
    const response = await session.fetch(url);
    window.reader = response.body.getReader();
    const { value, done } = await reader.read();
    return [response.status, done, value.length > 0];
  }, `${world.api}/api/stream/3`);
  // The server still holds the rest.
  same(first, [200, false, true], "the first piece");
  await gate.open();
  const rest = await one.tab.run(async () => {
    let pieces = 0;
    while (!(await reader.read()).done) pieces++;
    return pieces > 0;
  });
  same(rest, true, "whether the rest came");
  await one.posts(1);
});
