// A tab that flies: does what it is ordered to, and reports what it sees.
import { flyer } from "/clients.js";

const report = outbox(fetch.bind(window));

/** One message at a time is on its way; what comes meanwhile goes with the next. No timers: those of hidden tabs are slow. */
function outbox(send) {
  let waiting = [];
  let isSending = false;
  async function flush() {
    if (isSending) return;
    isSending = true;
    while (waiting.length) {
      const body = JSON.stringify(waiting.splice(0));
      // A server that is gone has its own message, in the page.
      await send("/reports", { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {});
    }
    isSending = false;
  }
  return (what) => {
    waiting.push(what);
    void flush();
  };
}

/** Makes this page tab `number` of the page `pilot`; `shown` is told how many calls ended how. */
export function enlist({ number, pilot, shown = () => {} }) {
  const channel = new BroadcastChannel("oneflight-demo");
  const say = (type) => channel.postMessage({ type, pilot, tab: number });
  const ends = { ok: 0, unauthorized: 0, failed: 0 };
  let client;

  const orders = {
    async prepare({ orders, flight, tokens }) {
      await client?.close();
      for (const end in ends) ends[end] = 0;
      client = await flyer({ ...orders, flight, tokens, tab: number }, report);
    },
    async call({ url }, call) {
      const answer = await client.call(url, call);
      ends[answer.outcome] += 1;
      return answer;
    },
    "sign-out": () => client.signOut(),
    async close() {
      await client?.close();
      client = undefined;
    },
  };

  channel.addEventListener("message", async ({ data }) => {
    if (data.pilot !== pilot) return;
    if (data.type === "roll-call") say("here");
    if (data.type !== "order" || data.tab !== number) return;
    let answer;
    try {
      answer = (await orders[data.order](data.with, data.call)) ?? { outcome: "ok" };
    } catch (error) {
      answer = { outcome: "failed", why: error.message };
    }
    report({ what: "done", call: data.call, answer });
    shown({ ...ends });
  });
  addEventListener("pagehide", () => say("gone"));
  addEventListener("pageshow", () => say("here"));
  say("here");
}
