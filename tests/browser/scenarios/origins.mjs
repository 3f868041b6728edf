// Where the token goes, and where it does not.
import { BOTH, same, test } from "../harness/registry.mjs";

test("b1_o1_look_alikes_of_an_allowed_origin_get_no_token", async (world) => {
  await world.start({ server: { cors: "hiding" } });
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  const { port } = new URL(api);
  const verdicts = await tabs[0].run(
    (urls) => urls.map((url) => session.allows(url)),
    [
      `http://127.0.0.1:${port}/x`,
      `HTTP://127.0.0.1:${port}/x`,
      `http://0x7f.1:${port}/x`,
      `http://127.0.0.1:${port}@evil.test/x`,
      `http://127.0.0.1.evil.test:${port}/x`,
      `http://127.0.0.1:${Number(port) + 1}/x`,
      `https://127.0.0.1:${port}/x`,
      `http://user@127.0.0.1:${port}/x`,
      `http://localhost:${port}/x`,
      `//127.0.0.1:${port}/x`,
      "/x",
    ],
  );
  same(verdicts, [true, true, true, false, false, false, false, true, false, true, false], "the verdicts");
  const status = await tabs[0].run(async (url) => (await session.fetch(url)).status, `${server.stranger}/api/items`);
  same(status, 401, "the stranger's answer");
  same((await server.requests()).map((one) => one.credentials.kind), ["none"], "what the stranger got");
  await world.posts(0);
}, { once: BOTH });

test("b8_headers_that_cors_hides_are_not_missed", async (world) => {
  await world.start({ server: { cors: "hiding" } });
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.expire();
  same(await tabs[0].storm(`${api}/api/items`, 5), { 200: 5 }, "the outcome");
  await world.posts(1);
  await server.expire();
  await server.fault("refresh", { kind: "unavailable", retry_after: { seconds: 1 } });
  const { error } = await tabs[0].run((url) => told(session.newerThan ? session.fetch(url) : 0), `${api}/api/items`);
  same([error.code, error.action], ["transient", "retry-later"], "the outcome during an outage");
  same(await tabs[0].status(), "signed-in", "the status");
});

test("b8_r2_a_refusal_that_a_renewal_cannot_heal_makes_no_post", async (world) => {
  await world.start();
  const { api } = world;
  const { tabs } = await world.signedIn();
  same(await tabs[0].storm(`${api}/api/scope/admin`, 3), { 403: 3 }, "the outcome");
  same(await tabs[0].storm(`${api}/api/items`, 1, { headers: { authorization: "Bearer mine" } }), { 401: 1 }, "with credentials of its own");
  await world.posts(0);
});
