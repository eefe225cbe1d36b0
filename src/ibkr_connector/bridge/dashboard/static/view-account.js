// The figures of the account, and where they come from when the login has several.

import { byId, h, setText, show } from "./elements.js";
import { moment, money, percent, signed, toneOf } from "./formats.js";

const FIGURES = [
  ["total_value", "Net liquidation value"],
  ["daily", "Profit and loss today"],
  ["unrealized", "Unrealised"],
  ["realized", "Realised today"],
  ["cash", "Cash"],
  ["available_funds", "Available funds"],
  ["excess_liquidity", "Excess liquidity"],
];
const GAINS = new Set(["daily", "unrealized", "realized"]);

export function showAccount(page) {
  const cells = new Map();
  let known = {};
  let currency = "";
  let topic = "account";

  for (const [name, label] of FIGURES) {
    const cell = h("dd", { "data-figure": name }, money(null));
    cells.set(name, cell);
    byId("figures").append(h("div", {}, h("dt", {}, label), cell));
  }

  function follow(account) {
    page.live.unfollow(topic);
    topic = account ? `account:${account}` : "account";
    const name = topic;
    page.live.follow(name, (told) => {
      if (name !== topic) return;
      if (told.type === "account") take(told.data);
      if (told.type === "unavailable") unavailable(told.data);
    });
  }
  follow(null);
  page.on("pnl", (gain) => paint({ daily: gain.daily, unrealized: gain.unrealized, realized: gain.realized }));

  // of several accounts the bridge chooses none: the reader does
  page.on("status", (status) => {
    if (status.accounts.length < 2 || page.account) return;
    const select = h("select", { "aria-label": "Account" }, status.accounts.map((one) => h("option", { value: one }, one)));
    select.addEventListener("change", () => choose(select.value));
    byId("account-of").replaceWith(h("div", { class: "theme" }, select, h("p", { id: "account-of", class: "sr" })));
    choose(status.accounts[0]);
  });

  function choose(account) {
    page.account = account;
    known = {};
    follow(account);
    page.tell("chosen", account);
  }

  function take({ summary, positions }) {
    currency = summary.currency;
    page.currency = currency;
    paint({ total_value: summary.total_value, cash: summary.cash, available_funds: summary.available_funds, excess_liquidity: summary.excess_liquidity });
    const cushion = Number(summary.cushion);
    const share = summary.cushion === null ? "" : ` · cushion ${percent(cushion).replace("+", "")} of the net liquidation value`;
    const reset = summary.is_ready ? "" : " · not valid while IB resets its servers";
    setText(byId("figures-as-of"), `${summary.account}, as of ${moment(summary.as_of)}${share}${reset}`);
    page.tell("positions", { positions, asOf: summary.as_of });
  }

  function unavailable(problem) {
    setText(byId("figures-as-of"), `Not to be had now: ${problem.detail ?? problem.message ?? problem.title}`);
  }

  function paint(figures) {
    known = { ...known, ...figures };
    for (const [name, cell] of cells) {
      const value = known[name];
      const text = GAINS.has(name) ? signed(value) : money(value);
      if (cell.dataset.shown === `${text} ${currency}`) continue;
      cell.dataset.shown = `${text} ${currency}`;
      cell.replaceChildren(text, " ", h("small", {}, currency));
      if (GAINS.has(name)) cell.className = toneOf(value);
    }
    show(byId("worth"), true);
  }
}
