// The storm that both our client and the naive one are put through.

/** All requests of all tabs are refused before the first refresh is answered; gives each tab's outcomes. */
export async function refusedTogether(world, { tabs: count, requests, client }) {
  const { server } = world;
  const { tabs } = await world.signedIn({ count, client });
  await server.expire();
  const gate = await server.hold("refresh", "arrival");
  const storms = tabs.map((tab) => tab.storm(`${world.api}/api/items`, requests));
  await server.seen("api_answered", count * requests, (one) => one.status === 401);
  await server.seen("refresh_arrived");
  await gate.open();
  return Promise.all(storms);
}
