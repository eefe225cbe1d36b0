// Quotes of the symbols that the reader watches; one of them is in the chart.

import { byId, h, setText } from "./elements.js";
import { moment, percent, price, span, toneOf } from "./formats.js";
import { makeTable } from "./tables.js";
import { makeChart } from "./view-chart.js";

const KEY = "ibkr.watched";
const FIRST = ["AAPL", "MSFT", "SPY", "EUR.USD"];
const MOST = 40;
const TYPES = { 2: "frozen", 3: "delayed", 4: "delayed, frozen" };

export function showMarket(page) {
  const watched = new Map();
  const chart = makeChart(page);
  let chosen = null;

  const table = makeTable(byId("quotes"), {
    caption: "Quotes",
    none: "Nothing is watched. Name a symbol above.",
    className: "quote-table",
    keyOf: (one) => one.symbol,
    columns: [
      { label: "Symbol", kind: "head", make: symbolCell, fill: fillSymbol },
      { label: "Last", kind: "number last", text: (one) => price(lastOf(one.quote)) },
      { label: "Change", kind: "number change", text: (one) => percent(changeOf(one.quote)), tone: (one) => toneOf(changeOf(one.quote)) },
      { label: "Bid", kind: "number bid", text: (one) => price(one.quote?.bid) },
      { label: "Ask", kind: "number ask", text: (one) => price(one.quote?.ask) },
      { label: "", hiddenLabel: "Actions", kind: "acts", make: removeCell },
    ],
  });

  function symbolCell(cell, one) {
    const button = h("button", { type: "button", class: "symbol", onclick: () => choose(one.symbol) }, one.symbol);
    cell.append(button, h("small"));
  }

  function fillSymbol(cell, one) {
    const { quote } = one;
    const type = TYPES[quote?.data_type];
    const said = one.problem ?? (one.gap ? `interrupted since ${moment(one.gap.start)}` : "");
    const halted = quote?.halted ? "halted" : "";
    setText(cell.lastChild, said || [quote?.contract.currency, halted, type, ageText(one)].filter(Boolean).join(" · "));
    cell.lastChild.className = said || halted ? "down" : "";
    cell.firstChild.setAttribute("aria-pressed", String(one.symbol === chosen));
  }

  function removeCell(cell, one) {
    cell.append(h("button", { type: "button", class: "button small quiet", "aria-label": `Watch ${one.symbol} no more`, onclick: () => remove(one.symbol) }, "✕"));
  }

  function ageText(one) {
    if (!one.quote) return "waiting";
    return `${span((page.live.time() - Date.parse(one.quote.timestamp)) / 1000)} old`;
  }

  function hear(one, told) {
    if (told.type === "quote") {
      const before = Number(lastOf(one.quote));
      one.quote = told.data;
      one.problem = null;
      one.gap = null;
      flash(one, before, Number(lastOf(one.quote)));
      if (one.symbol === chosen) chart.quote(one.quote);
      page.tell("quote", one);
    } else if (told.type === "gap" && told.data) {
      one.gap = told.data.end ? null : told.data;
    } else if (told.type === "error" || told.type === "ended") {
      one.problem = told.data.detail ?? told.data.reason ?? told.data.title;
      if (one.symbol === chosen) chart.problem(one.problem);
    } else return;
    table.update(one);
  }

  function flash(one, before, now) {
    const cell = table.rowOf(one.symbol)?.querySelector(".last");
    if (!cell || !Number.isFinite(before) || before === now) return;
    cell.classList.remove("rose", "fell");
    requestAnimationFrame(() => cell.classList.add(now > before ? "rose" : "fell"));
  }

  function paint() {
    table.set([...watched.values()]);
    for (const one of watched.values()) {
      const row = table.rowOf(one.symbol);
      if (one.symbol === chosen) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  function choose(symbol) {
    chosen = symbol;
    chart.choose(symbol);
    if (watched.get(symbol)?.quote) chart.quote(watched.get(symbol).quote);
    paint();
    page.tell("symbol", symbol);
  }

  function add(symbol) {
    if (watched.has(symbol) || watched.size >= MOST) return;
    const one = { symbol, quote: null, problem: null, gap: null };
    watched.set(symbol, one);
    page.live.follow(`quotes:${symbol}`, (told) => watched.get(symbol) === one && hear(one, told));
  }

  function remove(symbol) {
    watched.delete(symbol);
    page.live.unfollow(`quotes:${symbol}`);
    keep();
    if (symbol === chosen) choose(watched.keys().next().value ?? null);
    paint();
    byId("watch-symbol").focus();
  }

  function keep() {
    localStorage.setItem(KEY, JSON.stringify([...watched.keys()]));
  }

  byId("watch").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = byId("watch-symbol");
    const symbol = input.value.trim();
    if (!symbol) return;
    add(symbol);
    keep();
    choose(symbol);
    input.value = "";
  });
  page.on("tick", () => {
    for (const one of watched.values()) table.update(one);
  });

  page.quoteOf = (symbol) => watched.get(symbol)?.quote ?? null;
  for (const symbol of remembered()) add(symbol);
  choose(watched.keys().next().value ?? null);
}

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string" && one) : FIRST;
  } catch {
    return FIRST;
  }
}

/** What it costs now: the last trade, and of what has none the middle of bid and ask. */
export function lastOf(quote) {
  if (!quote) return null;
  if (quote.last !== null) return quote.last;
  if (quote.bid === null || quote.ask === null) return null;
  const digits = Math.max(...[quote.bid, quote.ask].map((one) => (one.split(".")[1] ?? "").length)) + 1;
  return ((Number(quote.bid) + Number(quote.ask)) / 2).toFixed(digits);
}

/** By how much of yesterday's close it has changed. */
export function changeOf(quote) {
  const [now, before] = [Number(lastOf(quote) ?? NaN), Number(quote?.close ?? NaN)];
  return before ? now / before - 1 : NaN;
}

