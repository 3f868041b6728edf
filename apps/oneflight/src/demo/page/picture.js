"use strict";
// The picture: a lane per request, time from left to right, a refresh as one bar across. It knows events and SVG, and
// nothing of buttons.
const Picture = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const STRIP_PX = 60, AXIS_PX = 22, GUTTER_PX = 62, END_PX = 26, GROUP_PX = 20;
  const SHORTEST_MS = 500;

  const node = (name, attributes = {}, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  class Picture {
    constructor(home) {
      this.home = home;
      this.svg = node("svg", { role: "img" });
      home.append(this.svg);
      this.clear();
      new ResizeObserver(() => this.draw()).observe(home);
    }

    clear() {
      this.lanes = new Map();
      this.refreshes = new Map();
      this.notes = [];
      this.holders = [];
      this.expected = 0;
      this.latest = 0;
      this.over = true;
      this.draw();
    }

    begin(event) {
      this.clear();
      this.holders = event.holders.map(({ name }) => name);
      this.expected = event.requests;
      // Every lane has its place from the start: nothing jumps while the requests go out.
      for (const { name, lanes } of event.holders) for (const lane of lanes) this.lane(name, lane);
      this.over = false;
      this.started = performance.now();
      this.tick();
    }

    lane(holder, number) {
      const key = `${holder}\n${number}`;
      if (!this.lanes.has(key)) this.lanes.set(key, { holder, number, steps: [] });
      return this.lanes.get(key);
    }

    on(event) {
      this.latest = Math.max(this.latest, event.at ?? 0);
      if (event.type === "lane") this.lane(event.holder, event.lane).steps.push(event);
      if (event.type === "note") this.notes.push(event);
      if (event.type === "refresh") {
        const key = `${event.holder}\n${event.refresh}`;
        const refresh = this.refreshes.get(key) ?? { number: event.refresh, holder: event.holder, lane: event.lane, from: event.at };
        if (event.state !== "sent") Object.assign(refresh, { to: event.at, state: event.state, detail: event.detail });
        this.refreshes.set(key, refresh);
      }
    }

    end() {
      this.over = true;
      this.draw();
    }

    // While a flight is on, time passes between events too.
    tick() {
      if (this.over) return;
      this.draw();
      const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 33;
      setTimeout(() => requestAnimationFrame(() => this.tick()), pause);
    }

    now() {
      return this.over ? this.latest : Math.max(this.latest, performance.now() - this.started);
    }

    layout() {
      const count = Math.max(this.lanes.size, 1);
      const pitch = Math.min(14, Math.max(3.2, 560 / count));
      const places = new Map();
      const groups = [];
      let y = STRIP_PX + 8;
      for (const holder of this.holders) {
        if (this.holders.length > 1) {
          groups.push({ holder, y: y + 13 });
          y += GROUP_PX;
        }
        const own = [...this.lanes.entries()].filter(([, lane]) => lane.holder === holder);
        own.sort((a, b) => a[1].number - b[1].number);
        for (const [key] of own) {
          places.set(key, y + pitch / 2);
          y += pitch;
        }
      }
      return { pitch, places, groups, bottom: y + 4 };
    }

    draw() {
      const width = Math.max(this.home.clientWidth, 320);
      const { svg } = this;
      if (!this.lanes.size) {
        svg.replaceChildren(node("text", { x: width / 2, y: 150, class: "empty", "text-anchor": "middle" }, "Each call will be a line here, from left to right."));
        svg.setAttribute("viewBox", `0 0 ${width} 300`);
        svg.setAttribute("height", 300);
        svg.setAttribute("aria-label", "No flight yet");
        return;
      }
      const plan = this.layout();
      const now = this.now();
      const span = Math.max(SHORTEST_MS, now * (this.over ? 1.01 : 1.06));
      const right = width - END_PX;
      const x = (at) => GUTTER_PX + (right - GUTTER_PX) * Math.min(at / span, 1);
      const view = { ...plan, width, right, now, span, x };
      svg.setAttribute("viewBox", `0 0 ${width} ${plan.bottom + AXIS_PX}`);
      svg.setAttribute("height", plan.bottom + AXIS_PX);
      svg.setAttribute("aria-label", this.description());
      svg.replaceChildren(this.drawGrid(view), this.drawRefreshes(view), ...this.drawLanes(view), this.drawNotes(view));
    }

    drawGrid({ width, bottom, span, x, groups, places, pitch, right }) {
      const grid = node("g");
      const rough = span / Math.max(3, width / 130);
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((unit) => unit * power).find((candidate) => candidate >= rough);
      for (let at = 0; at <= span; at += step) {
        grid.append(node("path", { class: "grid", d: `M${x(at)} 0V${bottom}` }));
        grid.append(node("text", { x: x(at), y: bottom + 15, "text-anchor": "middle" }, step >= 1000 ? `${at / 1000} s` : `${at} ms`));
      }
      grid.append(node("text", { x: 0, y: 14, class: "strong" }, "token"), node("text", { x: 0, y: 27, class: "strong" }, "endpoint"));
      grid.append(node("path", { class: "rail", d: `M0 ${STRIP_PX}H${right}` }));
      for (const { holder, y } of groups) grid.append(node("text", { x: 0, y, class: "strong group" }, holder));
      const every = pitch * 5 >= 40 ? 5 : 10;
      for (const [key, y] of places) {
        const { number } = this.lanes.get(key);
        if (number === 0 || (number + 1) % every === 0)
          grid.append(node("text", { x: GUTTER_PX - 10, y: y + 4, "text-anchor": "end" }, number === 0 ? "call 1" : number + 1));
      }
      return grid;
    }

    // Which refreshes overlap, and so need rows of their own in the strip.
    rowsOf(all, now) {
      const busy = [];
      for (const one of all) {
        let row = busy.findIndex((until) => until <= one.from);
        if (row < 0) row = busy.length;
        busy[row] = one.to ?? now;
        one.row = row;
      }
      return Math.max(busy.length, 1);
    }

    // A shared refresh is a bar in the strip and a band across all lanes. A refresh that one call makes for itself is a
    // thin bar in the strip, and stands in that call's own lane.
    drawRefreshes({ x, now, bottom }) {
      const layer = node("g");
      const all = [...this.refreshes.values()];
      const height = Math.min(18, (STRIP_PX - 36) / this.rowsOf(all, now));
      for (const one of all) {
        const [from, to] = [x(one.from), Math.max(x(one.to ?? now), x(one.from) + 2)];
        const lost = one.state === "failed" ? (height < 5 ? " faint" : " lost") : "";
        const y = 2 + one.row * height;
        const bar = node("rect", { class: `refresh${lost}`, x: from, y, width: to - from, height: Math.max(height - (height < 5 ? 0.3 : 2), 0.5), rx: Math.min(3, height / 2) });
        bar.append(node("title", {}, this.refreshTitle(one)));
        layer.append(bar);
        if (one.lane !== null) continue;
        layer.append(node("rect", { class: `band${lost}`, x: from, y: STRIP_PX, width: to - from, height: bottom - STRIP_PX }));
        layer.append(node("path", { class: "bandedge", d: `M${from} ${y}V${bottom}` }));
        if (one.to !== undefined) layer.append(node("path", { class: "bandedge", d: `M${to} ${y}V${bottom}` }));
      }
      const granted = all.filter((one) => one.state === "granted").length;
      const text = all.length === 0 ? "" : all.length === 1 ? this.refreshTitle(all[0]) : `${all.length} refreshes, ${granted} granted`;
      const start = all.length ? Math.min(...all.map((one) => one.from)) : 0;
      layer.append(node("text", { x: x(start), y: STRIP_PX - 7, class: "strong" }, text));
      return layer;
    }

    refreshTitle(one) {
      if (one.to === undefined) return `refresh ${one.number + 1}, under way`;
      const took = `${Math.round(one.to - one.from)} ms`;
      return one.state === "granted" ? `refresh ${one.number + 1}, ${took}` : `refresh ${one.number + 1}, ${took}: ${one.detail ?? "failed"}`;
    }

    *drawLanes(view) {
      for (const [key, lane] of this.lanes) yield this.drawLane(lane, view.places.get(key), view);
    }

    drawLane(lane, y, { x, now, pitch, right }) {
      const group = node("g", { class: "lane" });
      group.append(node("path", { class: "rail", d: `M${GUTTER_PX} ${y}H${right}` }));
      const thick = pitch * 0.56;
      const bar = (kind, from, to) => group.append(node("rect", { class: kind, x: x(from), y: y - thick / 2, width: Math.max(x(to) - x(from), 1.5), height: thick, rx: Math.min(2, thick / 2) }));
      const own = this.ownRefresh(lane);
      lane.steps.forEach((step, index) => {
        const until = lane.steps[index + 1]?.at ?? now;
        if (step.state === "sent") bar("sent", step.at, until);
        if (step.state === "sent-again") bar("again", step.at, until);
        if (step.state === "waiting" || (step.state === "refused" && !own))
          group.append(node("path", { class: "waiting", d: `M${x(step.at) + 1} ${y}H${x(until)}` }));
      });
      if (own) bar(own.state === "failed" ? "refresh lost" : "refresh", own.from, own.to ?? now);
      // Marks lie on top of bars.
      for (const step of lane.steps) {
        const at = x(step.at);
        if (step.state === "refused") group.append(node("path", { class: "refused", d: `M${at} ${y - pitch * 0.42}V${y + pitch * 0.42}` }));
        const r = Math.min(4, pitch * 0.38);
        if (step.state === "ok") group.append(node("circle", { class: "end ok", cx: at + r, cy: y, r }));
        if (step.state === "unauthorized") group.append(node("path", { class: "end unauthorized", d: `M${at + 1} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}` }));
        if (step.state === "failed") group.append(node("path", { class: "end failed", d: `M${at + r} ${y - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z` }));
      }
      group.append(node("title", {}, this.laneTitle(lane)));
      return group;
    }

    ownRefresh(lane) {
      for (const refresh of this.refreshes.values()) if (refresh.holder === lane.holder && refresh.lane === lane.number) return refresh;
      return undefined;
    }

    laneTitle(lane) {
      const told = lane.steps.map((step) => `${step.state.replace("-", " ")} at ${Math.round(step.at)} ms${step.detail ? ` (${step.detail})` : ""}`);
      return `call ${lane.number + 1}: ${told.join(", ") || "not yet sent"}`;
    }

    drawNotes({ x, bottom, right }) {
      const layer = node("g");
      for (const { at, text } of this.notes) {
        const flip = x(at) > right * 0.7;
        layer.append(node("path", { class: "note", d: `M${x(at)} ${STRIP_PX - 30}V${bottom}` }));
        layer.append(node("text", { x: x(at) + (flip ? -5 : 5), y: STRIP_PX - 21, class: "strong", "text-anchor": flip ? "end" : "start" }, text));
      }
      return layer;
    }

    description() {
      const ends = { ok: 0, unauthorized: 0, failed: 0 };
      for (const { steps } of this.lanes.values()) {
        const last = steps.at(-1)?.state;
        if (last in ends) ends[last]++;
      }
      return `${this.lanes.size} calls: ${ends.ok} ok, ${ends.unauthorized} left with a 401, ${ends.failed} with an error; ${this.refreshes.size} refreshes`;
    }
  }
  return Picture;
})();
