// The curve of today's profit and loss: what the bridge has kept, and what comes from now on.

import { ask, part } from "./asking.js";
import { byId, h, setText } from "./elements.js";
import { clockTime, moment, money, signed, toneOf } from "./formats.js";
import { axis, colour, makePlot, wash } from "./plots.js";

const MOST = 20000;
const LEAST_S = 60;
const FIGURES = ["daily", "unrealized", "realized"];
const LABELS = { daily: "Today", unrealized: "Unrealised", realized: "Realised" };

export function showGain(page) {
  const holder = byId("gain-chart");
  const legend = new Map();
  let columns = [[], [], [], []];
  let shown = null;
  let topic = null;
  let newest = null;
  let isMoving = false;
  let isPastDue = true;

  for (const name of FIGURES) {
    const value = h("b");
    legend.set(name, value);
    byId("gain-legend").append(h("span", { class: name }, `${LABELS[name]} `, value));
  }
  draw();
  page.on("chosen", restart);
  page.on("tick", goOn);
  page.on("link", (link) => { isPastDue ||= link.isUp && link.isNew; });
  follow();

  function restart() {
    columns = [[], [], [], []];
    newest = null;
    isMoving = false;
    isPastDue = true;
    draw();
    follow();
  }

  function follow() {
    if (topic) page.live.unfollow(topic);
    topic = page.account ? `pnl:${page.account}` : "pnl";
    const name = topic;
    page.live.follow(name, (told) => {
      if (name !== topic) return;
      if (told.type === "pnl") take(told.data);
      if (told.type === "unavailable") setText(byId("gain-as-of"), "not told without a connection");
    });
  }

  const accountOf = (mark) => (page.account ? `${mark}account=${part(page.account)}` : "");

  /** What was, as far as it was kept. */
  async function past() {
    const start = new Date(page.live.time() - 86400000).toISOString();
    isPastDue = false;
    let told;
    try {
      told = await ask(`v1/equity?limit=5000&start=${part(start)}${accountOf("&")}`);
    } catch {
      return;
    }
    const points = told.points;
    const today = points.at(-1)?.day;
    const kept = points.filter((one) => one.day === today && one.daily_pnl !== null);
    const first = columns[0][0] ?? Infinity;
    const rows = kept
      .map((one) => [Date.parse(one.at) / 1000, number(one.daily_pnl), number(one.unrealized_pnl), number(one.realized_pnl)])
      .filter((row) => row[0] < first);
    columns = columns.map((column, at) => [...rows.map((row) => row[at]), ...column]);
    draw();
  }

  /** Nothing is told while nothing changes: the curve goes on as far as now. */
  function goOn(now) {
    const isOld = document.body.dataset.stale === "yes" || !newest?.is_live || newest.daily === null;
    const last = columns[0].at(isMoving ? -2 : -1);
    if (document.hidden || isOld || last === undefined || now / 1000 <= last) return;
    if (isMoving) columns[0][columns[0].length - 1] = now / 1000;
    else [now / 1000, ...FIGURES.map((name) => number(newest[name]))].forEach((value, place) => columns[place].push(value));
    isMoving = true;
    if (shown) shown.plot.setData(columns);
    else draw();
  }

  const number = (text) => (text === null || text === undefined ? null : Number(text));

  function take(gain) {
    if (page.account && gain.account !== page.account) return;
    page.tell("pnl", gain);
    for (const [name, cell] of legend) {
      setText(cell, signed(gain[name], money, gain.currency));
      cell.className = toneOf(gain[name]);
    }
    setText(byId("gain-as-of"), `${gain.is_live ? "" : "from before the connection was lost, "}as of ${moment(gain.as_of)}`);
    newest = gain;
    if (isMoving) for (const column of columns) column.pop();
    isMoving = false;
    const at = Date.parse(gain.as_of) / 1000;
    const last = columns[0].at(-1);
    if (gain.daily === null || (last !== undefined && at <= last)) return;
    [at, ...FIGURES.map((name) => number(gain[name]))].forEach((value, place) => columns[place].push(value));
    if (columns[0].length > MOST) for (const column of columns) column.shift();
    if (shown) shown.plot.setData(columns);
    else draw();
    describe(gain);
    if (isPastDue) past();
  }

  function describe(gain) {
    holder.dataset.points = String(columns[0].length);
    const known = columns[1].filter((one) => one !== null);
    holder.setAttribute("aria-label", `Profit and loss since ${moment(columns[0][0] * 1000)}: now ${signed(gain.daily, money, gain.currency)}, lowest ${signed(String(Math.min(...known)), money)}, highest ${signed(String(Math.max(...known)), money)}.`);
  }

  function draw() {
    shown?.destroy();
    shown = null;
    holder.replaceChildren();
    if (columns[0].length < 2) {
      holder.append(h("p", { class: "none" }, "No profit and loss yet"));
      return;
    }
    const line = (name, width, more = {}) => ({ stroke: () => colour(name), width, points: { show: false }, spanGaps: true, ...more });
    shown = makePlot(holder, {
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time: true, range: (plot, first, last) => [first, Math.max(last, first + LEAST_S)] }, y: { range: (plot, low, high) => rangeOf(low, high) } },
      axes: [
        axis({ values: (plot, splits) => splits.map((at) => clockTime(at * 1000).slice(0, splits[1] - splits[0] < 60 ? 8 : 5)), space: 80, size: 34 }),
        axis({ side: 1, size: 72, values: (plot, splits) => splits.map((one) => signed(String(one), (text) => money(text).replace(/\.00$/, ""))) }),
      ],
      series: [
        {},
        line("accent", 2, { fill: () => wash("accent", 0.12), fillTo: 0 }),
        line("wait", 1.25, { dash: [5, 4] }),
        line("faint", 1.25, { dash: [2, 3] }),
      ],
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    }, columns);
  }

  function rangeOf(low, high) {
    const [least, most] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)];
    const room = (most - least || 1) * 0.1;
    return [least - room, most + room];
  }
}

/* global uPlot */
