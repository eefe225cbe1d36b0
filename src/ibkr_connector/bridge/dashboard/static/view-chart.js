// The chart of one symbol: history for the past, and quotes that go on where it ends.
//
// Bars stand beside each other whatever lies between them, as on every trader's screen: a night or
// a weekend takes no room.

import { ask, part } from "./asking.js";
import { byId, fillChoices, h, setText } from "./elements.js";
import { clockTime, dayOf, moment, percent, price, quantity, toneOf } from "./formats.js";
import { axis, candles, colour, makePlot, wash } from "./plots.js";
import { changeOf, lastOf } from "./view-market.js";

const RANGES = {
  live: { label: "Live", duration: "1800 S", size: "5 secs", stepS: 5, words: "5-second bars" },
  day: { label: "1 D", duration: "1 D", size: "5 mins", stepS: 300, words: "5-minute bars" },
  week: { label: "1 W", duration: "1 W", size: "30 mins", stepS: 1800, words: "30-minute bars" },
  month: { label: "1 M", duration: "1 M", size: "4 hours", stepS: 14400, words: "4-hour bars" },
  year: { label: "1 Y", duration: "1 Y", size: "1 day", stepS: 86400, words: "daily bars" },
};
const MOST = 2000;
const FRESH_MS = 20000;
const SUMMARY_MS = 10000;
const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME] = [0, 1, 2, 3, 4, 5];

export function makeChart(page) {
  const holder = byId("chart");
  let symbol = null;
  let range = "live";
  let form = "line";
  let shown = null;
  let columns = null;
  let show = "TRADES";
  let newest = null;
  let asked = null;
  let isDue = false;
  let summedAt = 0;

  fillChoices(byId("chart-range"), "range", { choices: Object.entries(RANGES).map(([name, one]) => [name, one.label]), chosen: range, onChoice: (name) => { range = name; load(); } });
  fillChoices(byId("chart-form"), "form", { choices: [["line", "Line"], ["candles", "Candles"]], chosen: form, onChoice: (name) => { form = name; draw(); } });
  // what was missed meanwhile is in the history
  let wasLost = false;
  page.on("link", (link) => {
    if (link.isUp && wasLost && symbol) load();
    wasLost = !link.isUp;
  });
  let wasReady = true;
  page.on("status", (status) => {
    const isReady = ["ready", "degraded"].includes(status.state);
    if (isReady && !wasReady && symbol) load();
    wasReady = isReady;
  });

  async function load() {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    const wanted = RANGES[range];
    const query = new URLSearchParams({ duration: wanted.duration, bar_size: wanted.size, regular_hours_only: String(!["live", "day"].includes(range)), limit: "5000" });
    const path = `v1/bars/${part(symbol)}?${query}`;
    const kept = recall(path);
    take(kept, []);
    // quotes are drawn meanwhile; IB lets the same history be asked for once in fifteen seconds
    setText(byId("chart-note"), `Loading ${wanted.words} of ${symbol}, which may take a while…`);
    if (kept && Date.now() - kept.at < FRESH_MS) return describe();
    try {
      const told = await ask(path, { signal });
      remember(path, told);
      take(told, columns);
      return describe();
    } catch (error) {
      if (error.name !== "AbortError") setText(byId("chart-note"), `No history: ${error.message}`);
      return null;
    }
  }

  /** Show a history, and behind it what has come since. */
  function take(told, since) {
    show = told?.what_to_show ?? show;
    const bars = columnsOf((told?.items ?? []).slice(-MOST));
    const end = bars[TIME].at(-1) ?? -Infinity;
    (since[TIME] ?? []).forEach((at, row) => at > end && bars.forEach((column, place) => column.push(since[place][row])));
    columns = bars;
    if (newest) grow(newest);
    draw();
  }

  /** Let the last bar take in a quote, or begin the next. */
  function grow(quote) {
    const value = Number((show === "MIDPOINT" ? lastOf({ ...quote, last: null }) : lastOf(quote)) ?? NaN);
    if (!Number.isFinite(value) || !columns) return;
    const { stepS } = RANGES[range];
    const at = Math.floor(Date.parse(quote.timestamp) / 1000 / stepS) * stepS;
    const last = columns[TIME].length - 1;
    if (last < 0 || at > columns[TIME][last]) {
      [at, value, value, value, value, null].forEach((one, place) => columns[place].push(one));
      if (columns[TIME].length > MOST) for (const column of columns) column.shift();
      return;
    }
    columns[HIGH][last] = Math.max(columns[HIGH][last], value);
    columns[LOW][last] = Math.min(columns[LOW][last], value);
    columns[CLOSE][last] = value;
  }

  function draw() {
    shown?.destroy();
    shown = null;
    holder.replaceChildren();
    if (!columns || columns[TIME].length === 0) {
      holder.append(h("p", { class: "none" }, symbol ? "No prices yet" : "Watch a symbol to see its chart"));
      count();
      return;
    }
    shown = makePlot(holder, optionsOf(), columns);
    count();
  }

  function optionsOf() {
    const isLine = form === "line";
    const hidden = { paths: () => null, points: { show: false } };
    return {
      scales: { x: { time: false, distr: 2 }, y: { range: (plot) => rangeOf(plot, isLine) } },
      axes: [
        axis({ values: (plot, splits) => splits.map((at) => (at === undefined ? "" : tick(at))), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], space: 70, size: 34 }),
        axis({ side: 1, size: 64, values: (plot, splits) => splits.map((one) => price(String(+one.toFixed(6)))) }),
      ],
      series: [
        {}, hidden, hidden, hidden,
        isLine
          ? { stroke: () => colour("accent"), width: 1.75, fill: (plot) => gradient(plot), points: { show: false } }
          : hidden,
        hidden,
      ],
      cursor: { drag: { x: false, y: false }, points: { show: isLine, size: 7 }, y: !isLine },
      hooks: {
        draw: isLine ? [] : [candles([OPEN, HIGH, LOW, CLOSE])],
        setCursor: [(plot) => pointed(plot.cursor.idx)],
      },
    };
  }

  function gradient(plot) {
    const fill = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
    fill.addColorStop(0, wash("accent", 0.22));
    fill.addColorStop(1, wash("accent", 0));
    return fill;
  }

  function rangeOf(plot, isLine) {
    const highs = isLine ? columns[CLOSE] : columns[HIGH];
    const lows = isLine ? columns[CLOSE] : columns[LOW];
    const [low, high] = [Math.min(...lows), Math.max(...highs)];
    const room = (high - low || Math.abs(high) * 0.001 || 1) * 0.08;
    return [low - room, high + room];
  }

  function tick(at) {
    const when = at * 1000;
    if (range === "live" || range === "day") return clockTime(when).slice(0, 5);
    return dayOf(when).slice(range === "year" ? 0 : 5, range === "year" ? 7 : 10);
  }

  function pointed(at) {
    if (at === null || at === undefined || !columns) {
      setText(byId("chart-at"), "");
      return;
    }
    const [time, open, high, low, close, volume] = columns.map((column) => column[at]);
    const day = range === "year" ? dayOf(time * 1000) : moment(time * 1000);
    const traded = volume === null ? "" : ` · volume ${quantity(String(volume))}`;
    setText(byId("chart-at"), `${day} · O ${said(open)} · H ${said(high)} · L ${said(low)} · C ${said(close)}${traded}`);
  }

  const said = (value) => price(String(value));

  function count() {
    holder.dataset.points = String(columns?.[TIME].length ?? 0);
    holder.dataset.close = String(columns?.[CLOSE].at(-1) ?? "");
    if (Date.now() - summedAt > SUMMARY_MS) summarise();
  }

  /** The chart in words, for whoever does not see it; not with each quote. */
  function summarise() {
    summedAt = Date.now();
    const last = (columns?.[TIME].length ?? 0) - 1;
    if (last < 0) {
      holder.setAttribute("aria-label", "No prices yet");
      return;
    }
    const [from, to] = [0, last].map((row) => moment(columns[TIME][row] * 1000, 0));
    const [first, lowest, highest, now] = [columns[OPEN][0], Math.min(...columns[LOW]), Math.max(...columns[HIGH]), columns[CLOSE][last]].map(said);
    holder.setAttribute("aria-label", `Chart of ${symbol}, ${RANGES[range].words} from ${from} to ${to}: from ${first} to ${now}, lowest ${lowest}, highest ${highest}.`);
  }

  function describe() {
    count();
    summarise();
    setText(byId("chart-note"), `${RANGES[range].words}, ${show.toLowerCase()}, times in UTC; nights and weekends take no room`);
  }

  function paintNow() {
    const unit = newest?.contract.currency ?? "";
    const change = changeOf(newest);
    const text = newest ? `${price(lastOf(newest))} ${unit}` : "";
    byId("chart-now").replaceChildren(text, " ", h("small", { class: toneOf(change) }, newest ? percent(change) : ""));
  }

  return {
    choose(name) {
      symbol = name;
      newest = null;
      columns = null;
      setText(byId("chart-title"), name ?? "No symbol");
      paintNow();
      draw();
      if (name) load();
    },
    quote(quote) {
      newest = quote;
      paintNow();
      if (!columns) return;
      grow(quote);
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        if (shown) shown.plot.setData(columns);
        else draw();
        count();
      });
    },
    problem(text) {
      setText(byId("chart-note"), text);
    },
  };
}

/** What was told lately, so that to reload the page asks for nothing twice. */
function recall(path) {
  try {
    return JSON.parse(sessionStorage.getItem(`ibkr.bars ${path}`));
  } catch {
    return null;
  }
}

function remember(path, { what_to_show, items }) {
  try {
    sessionStorage.setItem(`ibkr.bars ${path}`, JSON.stringify({ at: Date.now(), what_to_show, items }));
  } catch {
    // there is no more room: then it is asked for again
    for (const name of Object.keys(sessionStorage)) if (name.startsWith("ibkr.bars ")) sessionStorage.removeItem(name);
  }
}

function columnsOf(bars) {
  const number = (text) => (text === null ? null : Number(text));
  return [
    bars.map((bar) => Date.parse(bar.timestamp) / 1000),
    ...["open", "high", "low", "close", "volume"].map((name) => bars.map((bar) => number(bar[name]))),
  ];
}
