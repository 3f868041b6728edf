// Sign-in and sign-out in one tab while another one is at work.
import { Case } from "../harness/case.mjs";
import { BOTH, check, same, test } from "../harness/registry.mjs";

test("b1_l2_l10_a_sign_in_as_another_user_in_another_tab_during_a_refresh_stands", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  const [ada, bob] = tabs;
  await server.expire();
  const gate = await server.hold("refresh", "answer");
  const waiting = ada.send(`${api}/api/items`, { id: "ada" });
  await server.seen("refresh_granted");
  await bob.signIn(await server.tokens({ user: "bob" }));
  await gate.open();
  same((await waiting).error.code, "replaced", "what is told whoever waited for Ada's");
  for (const [number, tab] of tabs.entries()) same((await tab.send(`${api}/api/items`, { id: `bob ${number}` })).status, 200, "the next outcome");
  const seen = await server.requests();
  same(seen.filter(({ request_id }) => request_id === "ada").length, 1, "how often Ada's was sent");
  const families = seen.filter(({ request_id }) => request_id?.startsWith("bob")).map(({ credentials }) => credentials.family);
  same(families, [2, 2], "whose tokens are sent now");
  // Ada's tokens came late.
  await server.seen("family_died");
  await world.posts(1);
});

test("b1_l4_signing_out_works_though_the_revocation_fails", async (world) => {
  await world.start();
  const { server } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await server.fault("revoke", { kind: "status", status: 500 }, { always: true });
  await tabs[0].signOut();
  for (const tab of tabs) same((await tab.until("signed-out")).reason, "sign-out", "a tab's reason");
  const { revocation_posts } = await server.counters();
  check(revocation_posts >= 1, `${revocation_posts} revocations`);
  await world.posts(0);
}, { once: BOTH });

test("b1_l7_a_sign_out_right_after_another_tab_has_renewed_revokes_the_newest_token", async (world) => {
  await world.start();
  const { server, api } = world;
  const { tabs } = await world.signedIn({ count: 2 });
  await server.expire();
  same(await tabs[0].storm(`${api}/api/items`, 1), { 200: 1 }, "the outcome");
  await tabs[1].signOut();
  await tabs[0].until("signed-out");
  await server.seen("family_died");
  await world.posts(1);
});

test("b1_l8_signing_out_of_a_session_that_another_tab_has_replaced_leaves_the_new_one_alone", async (world) => {
  await world.start();
  const { server, api } = world;
  const { context, tabs } = await world.signedIn();
  const [bob] = tabs;
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.BroadcastChannel = class extends EventTarget {
      postMessage() {}
      close() {}
    };
  });
  await page.goto(world.url());
  const ada = world.tab(page);
  await ada.run(() => ready.then(() => {}));
  await ada.begin(world.options());
  await ada.until("signed-in");
  await bob.signIn(await server.tokens({ user: "bob" }));
  await ada.signOut();
  same(await ada.status(), "signed-out", "the status where Ada was");
  same(await bob.send(`${api}/api/items`).then(({ status }) => status), 200, "Bob's outcome");
  same(await bob.status(), "signed-in", "Bob's status");
  await world.posts(0);
});

test("b1_o1_o2_what_would_send_a_secret_astray_is_refused_at_once", async (world) => {
  const one = await Case.of(world);
  const tokenEndpoint = one.server.tokenEndpoint;
  const wrong = {
    "an API over http": { origins: ["http://api.example.com"] },
    "a token endpoint over http": { tokenEndpoint: "http://login.example.com/token" },
    "a user name in the token endpoint": { tokenEndpoint: tokenEndpoint.replace("//", "//user:secret@") },
    "no origin": { origins: [] },
    "an origin with a path": { origins: [`${world.api}/api`] },
    "a name that only looks like this machine": { origins: ["http://127.0.0.1.example.com"] },
  };
  for (const [what, change] of Object.entries(wrong)) {
    const told = await one.tab.run((options) => {
      try {
        createSession(options);
        return "taken";
      } catch ({ code, message }) {
        return [code, message.includes("secret")];
      }
    }, { ...world.options(), ...change });
    same(told, ["invalid-option", false], what);
  }
  // The page's own spelling of the origin does not matter.
  await one.tab.begin({ ...world.options(), origins: [world.api.replace("http", "HTTP")] }, "shouted");
  same(await one.tab.run((url) => shouted.allows(url), one.notes), true, "whether the origin is allowed");
}, { once: BOTH });
