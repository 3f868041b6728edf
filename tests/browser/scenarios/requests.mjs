// Every kind of request that `fetch` takes.
import { BOTH, same, test } from "../harness/registry.mjs";

/** Sends each kind at once; gives the statuses. */
const kinds = async (api) => {
  const form = new FormData();
  form.append("name", "value");
  form.append("file", new Blob(["bytes of a file"], { type: "text/plain" }), "a.txt");
  const stream = () => new Blob(["streamed"]).stream();
  const calls = {
    string: () => session.fetch(`${api}/api/string?q=1`),
    url: () => session.fetch(new URL(`${api}/api/url`)),
    request: () => session.fetch(new Request(`${api}/api/request`, { method: "PUT", body: "text", headers: { "x-own": "1" } })),
    overridden: () => session.fetch(new Request(`${api}/api/overridden`, { method: "PUT", body: "a" }), { method: "PATCH", body: "b" }),
    form: () => session.fetch(`${api}/api/form`, { method: "POST", body: form }),
    blob: () => session.fetch(`${api}/api/blob`, { method: "POST", body: new Blob(["blob"], { type: "image/png" }) }),
    bytes: () => session.fetch(`${api}/api/bytes`, { method: "POST", body: new Uint8Array([1, 2, 3]) }),
    search: () => session.fetch(`${api}/api/search`, { method: "POST", body: new URLSearchParams({ a: "1" }) }),
    keepalive: () => session.fetch(`${api}/api/keepalive`, { method: "POST", body: "k", keepalive: true }),
    headers: () => session.fetch(`${api}/api/headers`, { headers: new Headers({ "x-own": "2" }) }),
  };
  const sent = Object.entries(calls).map(async ([name, call]) => [name, (await call()).status]);
  return Object.fromEntries(await Promise.all(sent));
};

test("b7_r5_r6_every_kind_of_request_is_sent_again_as_it_was", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  const renewed = ["string", "url", "request", "overridden", "form", "blob", "bytes", "search", "keepalive", "headers"];
  await server.expire();
  same(await tabs[0].run(kinds, api), Object.fromEntries(renewed.map((name) => [name, 200])), "the outcomes");
  await world.posts(1);
  const seen = await server.requests();
  for (const name of renewed) {
    const tries = seen.filter((one) => one.path === `/api/${name}`);
    same(tries.length, 2, `the number of tries of ${name}`);
    const [first, second] = tries.map(({ method, query, headers, body_bytes, body_sha256 }) => ({
      method,
      query,
      // A form's boundary is chosen anew for every request, in Firefox with another length.
      headers: headers.filter(([header]) => !["content-type", "content-length"].includes(header) || name !== "form"),
      ...(name === "form" ? { body: body_bytes > 200 } : { body_bytes, body_sha256 }),
    }));
    same(second, first, `the second try of ${name}`);
  }
});

test("b7_relative_urls_are_the_pages_own", async (world) => {
  await world.start();
  const { tabs } = await world.signedIn({ options: { origins: [world.api, "self"] } });
  const sent = tabs[0].page.waitForRequest(`${world.site.origin}/blank.html?x`);
  same(await tabs[0].run(async () => (await session.fetch("blank.html?x")).status), 200, "the outcome");
  const { authorization } = await (await sent).allHeaders();
  same(authorization?.split(" ")[0], "Bearer", "the scheme of the header");
}, { once: BOTH });

test("b7_s6_an_abort_signal_ends_its_own_request_only", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  const gone = await tabs[0].run(async (url) => {
    const gone = await told(session.fetch(url, { signal: AbortSignal.abort() }));
    const request = new Request(url, { signal: AbortSignal.abort(new TypeError("mine")) });
    return [gone.error.name, (await told(session.fetch(request))).error.message];
  }, `${api}/api/items`);
  same(gone, ["AbortError", "mine"], "the errors");
  same((await server.counters()).api_requests, 0, "the number of requests");
}, { once: BOTH });

test("b7_r5_a_stream_is_not_sent_again_and_the_next_request_has_the_new_token", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn();
  await server.expire();
  const outcome = await tabs[0].run(async (url) => {
    const body = new Blob(["streamed"]).stream();
    const { value, error } = await told(session.fetch(url, { method: "POST", body, duplex: "half" }));
    return value?.status ?? error.name;
  }, `${api}/api/stream-body`);
  // HTTP/1.1 cannot stream a request in Chromium: there the platform itself refuses.
  const { api_requests } = await server.counters();
  if (api_requests > 0) same([outcome, (await server.requests()).filter((one) => one.path === "/api/stream-body").length], [401, 1]);
  else same(outcome, "TypeError", "the platform's own refusal");
  same(await tabs[0].storm(`${api}/api/items`, 1), { 200: 1 }, "the next request");
  await world.posts(1);
}, { browsers: ["chromium"], once: BOTH });
