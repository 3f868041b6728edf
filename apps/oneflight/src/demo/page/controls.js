// The rest of the page: buttons, verdict, counters, and the stream of events that feeds them and the picture.
(() => {
  const $ = (id) => document.getElementById(id);
  const picture = new Picture($("picture"));
  const board = new Map();
  const buttons = [...document.querySelectorAll("[data-scenario]")];
  const names = Object.fromEntries(buttons.map((button) => [button.dataset.scenario, button.textContent.trim().replace(/\s+/g, " ")]));
  names.storm = "Expired token";
  let flying = false;
  let landed = () => {};
  let last = "storm";

  const chosen = () => document.querySelector("[name=client]:checked").value;
  const place = () => document.querySelector("[name=place]:checked").value;
  let flown = "process";
  let holders = 1;

  // The tabs that can fly. This page is the first; it hands the server's orders on to all of them.
  const MOST_TABS = 10;
  const pilot = (document.body.dataset.pilot = crypto.randomUUID());
  const channel = new BroadcastChannel("oneflight-demo");
  const tabs = new Set();
  let newest = 1;

  function muster() {
    $("tabs").textContent = tabs.size === 1 ? "1 tab" : `${tabs.size} tabs`;
    $("open-tab").setAttribute("aria-disabled", tabs.size >= MOST_TABS || document.body.dataset.package !== "yes");
  }

  channel.addEventListener("message", ({ data }) => {
    if (data.pilot !== pilot) return;
    if (data.type === "here") tabs.add(data.tab);
    if (data.type === "gone") {
      tabs.delete(data.tab);
      const body = JSON.stringify([{ what: "gone", tab: data.tab }]);
      fetch("/reports", { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {});
    }
    muster();
  });

  function openTab() {
    if (tabs.size >= MOST_TABS || document.body.dataset.package !== "yes") return;
    // Never used twice: one that is being opened has not said yet that it is there.
    newest += 1;
    document.querySelector("[name=place][value=browser]").checked = true;
    fill(board);
    hints();
    window.open(`/tab?number=${newest}&pilot=${pilot}`, "_blank");
  }

  function crew() {
    return place() === "browser" ? { pilot, tabs: [...tabs].sort((one, other) => one - other) } : undefined;
  }

  const who = (client) => (flown === "process" ? client : `${client} in ${holders === 1 ? "this tab" : `${holders} tabs`}`);

  function busy(on) {
    flying = on;
    for (const button of [...buttons, $("compare")]) button.setAttribute("aria-disabled", on);
  }

  function hints() {
    document.querySelector(".count").textContent = $("requests").value;
    $("command").textContent = `oneflight demo --headless --client ${chosen()} --scenario ${last} --requests ${$("requests").value}`;
    $("compare-what").textContent = names[last];
  }

  function say(tone, title, words, because = "") {
    $("verdict").dataset.tone = tone;
    $("title").textContent = title;
    $("words").textContent = words;
    $("because").textContent = because;
  }

  function fill(board_) {
    const body = $("board").tBodies[0];
    body.replaceChildren(...buttons.map(({ dataset: { scenario } }) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = names[scenario];
      row.append(head);
      for (const client of ["naive", "textbook", "oneflight"]) {
        const cell = document.createElement("td");
        const entry = board_.get(`${place()} ${scenario} ${client}`);
        cell.textContent = entry?.words ?? "–";
        if (entry) cell.dataset.tone = entry.kind ? "good" : "bad";
        row.append(cell);
      }
      return row;
    }));
  }

  const on = {
    order(event) {
      if (event.pilot === pilot) channel.postMessage(event);
    },
    begin(event) {
      busy(true);
      last = event.scenario;
      const radio = document.querySelector(`[name=client][value=${event.client}]`);
      if (radio) radio.checked = true;
      flown = event.place;
      holders = event.holders.length;
      document.querySelector(`[name=place][value=${flown}]`).checked = true;
      for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.scenario === event.scenario);
      picture.begin(event);
      say("busy", `${who(event.client)}, ${names[event.scenario].toLowerCase()}`, "In flight", "");
      hints();
    },
    counters(event) {
      $("refresh-posts").textContent = event.refresh_posts;
      $("reuse-detected").textContent = event.reuse_detected;
      $("reuse-detected").className = event.reuse_detected ? "bad" : "";
      $("family").textContent = event.family_alive ? "alive" : "ended";
      $("family").className = event.family_alive ? "good" : "bad";
      $("api").textContent = `${event.api_ok} / ${event.api_refused}`;
    },
    probing() {
      picture.end();
      $("words").textContent = "All calls have ended";
      $("because").textContent = "Does the session live? The token is made to expire once more, and the API is called again.";
    },
    verdict(event) {
      picture.end();
      const { scenario, client } = event.report;
      board.set(`${flown} ${scenario} ${client}`, event);
      fill(board);
      const odd = event.as_expected ? "" : " This is not what was expected of this client.";
      say(event.kind ? "good" : "bad", `${who(client)}, ${names[scenario].toLowerCase()}`, event.words, event.because + odd);
      busy(false);
      landed();
    },
    trouble(event) {
      picture.end();
      say("bad", "The flight could not be flown", event.text);
      busy(false);
      landed();
    },
  };

  async function fly(scenario, client) {
    if (flying) return;
    busy(true);
    const over = new Promise((resolve) => { landed = resolve; });
    const body = JSON.stringify({ scenario, client, requests: Number($("requests").value), crew: crew() });
    try {
      const answer = await fetch("/flights", { method: "POST", headers: { "content-type": "application/json" }, body });
      if (!answer.ok) throw new Error((await answer.json()).error);
      await over;
    } catch (error) {
      on.trouble({ text: error.message });
    }
  }

  function connect() {
    const source = new EventSource("/events");
    const link = $("link");
    source.onopen = () => { link.dataset.state = "live"; link.textContent = "live"; };
    source.onerror = () => { link.dataset.state = "lost"; link.textContent = "connection lost"; };
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type in on) on[event.type](event);
      else picture.on(event);
    };
  }

  for (const button of buttons) button.addEventListener("click", () => fly(button.dataset.scenario, chosen()));
  $("compare").addEventListener("click", async () => {
    if (flying) return;
    for (const client of ["naive", "textbook", "oneflight"]) await fly(last, client);
  });
  $("open-tab").addEventListener("click", openTab);
  $("controls").addEventListener("change", () => {
    hints();
    fill(board);
  });
  if (document.body.dataset.package !== "yes") {
    const radio = document.querySelector("[name=place][value=browser]");
    radio.disabled = true;
    radio.parentElement.title = $("open-tab").title = "The npm package was not built: `cargo xtask demo` builds it, and says what is missing.";
    $("tabs").textContent = "not built";
    $("open-tab").setAttribute("aria-disabled", true);
  }
  channel.postMessage({ type: "roll-call", pilot });
  fill(board);
  hints();
  connect();
})();
