// O, and R8: where the token goes, and where it does not.
import { Case, test } from "../../harness/case.mjs";
import { check, same } from "../../harness/registry.mjs";

test("o1_the_token_goes_to_the_listed_origin_only", async (world) => {
  const one = await Case.of(world);
  const { stranger } = one.server;
  const host = (origin) => new URL(origin).host;
  const strangers = [
    `${stranger}/api/notes`,
    // Another port of the same host, with a path, a query and a fragment that look like the API.
    `${stranger}/${host(world.api)}/api/notes?${world.api}#${world.api}`,
    // Another name of the same machine.
    `${world.api.replace("127.0.0.1", "localhost")}/api/notes`,
  ];
  for (const [number, to] of strangers.entries()) {
    const { status, why } = await one.send(`${number}`, { to });
    check((status === 401 || status === 404) && why === undefined, `${to}: ${status} ${why}`);
    for (const { credentials } of await one.seen(`${number}`)) same(credentials.kind, "none", to);
  }
  // fetch refuses user names in URLs; that too passes through.
  const inside = `http://${host(world.api).replace(":", "%3A")}@${host(stranger)}/api/notes`;
  same((await one.send("inside", { to: inside })).error.name, "TypeError", inside);
  for (const to of [one.notes, one.notes.replace("http", "HTTP")]) same((await one.send("ours", { to })).status, 200, to);
  same((await one.counters()).leaked_tokens, 0, "tokens at the stranger");
  await one.posts(0);
});

test("r8_a_redirect_to_another_origin_carries_no_token", async (world) => {
  const one = await Case.of(world);
  const { status, why } = await one.send("one", { to: `/api/redirect?to=${one.server.stranger}/api/notes` });
  same([status, why], [401, undefined], "it is handed back as it came");
  const hops = (await one.seen("one")).map(({ origin, credentials }) => [origin, credentials.kind]);
  same(hops, [["api", "token"], ["stranger", "none"]], "who saw a token");
  same((await one.counters()).leaked_tokens, 0, "tokens at the stranger");
  await one.posts(0);
});

test("r8_a_redirect_within_the_origin_keeps_the_token", async (world) => {
  const one = await Case.refused(world);
  same((await one.send("one", { to: `/api/redirect?to=${one.notes}` })).status, 200, "the outcome");
  const sequences = await one.sequences("one");
  same([sequences[0], sequences.at(-1)], [1, 2], "the tokens");
  await one.posts(1);
});

test("o3_errors_of_a_failed_renewal_show_no_token", async (world) => {
  const one = await Case.of(world, { signedIn: false });
  const { accessToken, refreshToken } = await one.signIn();
  const said = [];
  one.tab.page.on("console", (message) => said.push(message.text()));
  const [{ family }] = await one.server.order("GET", "families");
  await one.server.order("POST", "revoke", { family });
  const shown = await one.tab.run(async (url) => {
    const errors = [];
    session.addEventListener("refreshfailed", ({ detail }) => errors.push(detail.error));
    const error = await session.fetch(url).catch((error) => error);
    // All of it, with what does not show at first sight.
    const all = (value, depth = 0) =>
      depth > 4 || typeof value !== "object" || value === null
        ? String(value)
        : Object.getOwnPropertyNames(value).map((name) => `${name}: ${all(value[name], depth + 1)}`).join();
    return [error, ...errors, session.snapshot, session, ...happened].map((value) => `${value} ${JSON.stringify(value)} ${all(value)}`).join();
  }, one.notes);
  check(shown.includes("signed-out"), shown);
  for (const secret of [accessToken, refreshToken]) check(!`${shown} ${said}`.includes(secret), "a token shows");
});

test("o4_a_token_with_a_line_break_is_an_error_and_nothing_is_sent", async (world) => {
  const one = await Case.of(world);
  await one.server.settings({ token_shape: { line_breaks: true } });
  await one.expire();
  const { error } = await one.send();
  same([error.code, error.action], ["ambiguous", "retry-later"], "the error");
  same((await one.counters()).api_requests, 0, "the number of requests");
});

test("o4_a_token_of_64_kib_works", async (world) => {
  const one = await Case.refused(world, { settings: { token_shape: { length: 64 * 1024 } } });
  same((await one.send("one")).status, 200, "the outcome");
  same(await one.sequences("one"), [1, 2], "the tokens");
});
