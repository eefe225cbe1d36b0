// The connection in figures: farms, circuit breakers and what is left of the pacing budgets.

import { ask, part } from "./asking.js";
import { confirm } from "./dialogs.js";
import { byId, h, setText } from "./elements.js";
import { NOTHING, moment, span, words } from "./formats.js";
import { failed } from "./notices.js";

const FARM_TONES = { ok: "good", inactive: "plain", connecting: "wait", broken: "bad" };
const BREAKER_TONES = { closed: "good", half_open: "wait", open: "bad" };
const BREAKER_WORDS = { closed: "closed", half_open: "half open", open: "open" };

export function showHealth(page) {
  page.on("status", (status) => {
    facts(byId("connection"), [
      ["State", words(status.state)],
      ["Gateway", `${status.host}:${status.port}`],
      ["Client id", String(status.client_id)],
      ["Server version", status.server_version === null ? NOTHING : String(status.server_version)],
      ["Connected since", moment(status.connected_since)],
      ["Heartbeat", status.heartbeat_rtt_ms === null ? NOTHING : `${status.heartbeat_rtt_ms.toFixed(1)} ms at ${moment(status.last_heartbeat)}`],
      ["Reconnects", String(status.reconnect_count)],
      ["Open orders", String(status.open_orders)],
      ["Rules", status.rules],
      ["Compared with broker", driftText(status.drift)],
      ...Object.entries(status.data_connections).map(([id, state]) => [`Data connection ${id}`, words(state)]),
    ]);
    states(byId("farms"), Object.entries(status.farms).map(([name, state]) => ({ name, tone: FARM_TONES[state] ?? "plain", text: words(state) })), "IB has told of none yet.");
    states(byId("breakers"), Object.entries(status.circuits).map(([name, one]) => ({
      name,
      tone: BREAKER_TONES[one.state],
      text: BREAKER_WORDS[one.state],
      small: one.opened || one.failures ? `opened ${one.opened}×, ${one.refused} refused${one.retry_after_s ? `, ${span(one.retry_after_s)} left` : ""}` : "",
      act: one.state !== "closed" && page.may("admin") ? () => reset(name) : null,
    })), "There are none before the first connection.");
  });

  function driftText(drift) {
    if (drift.failed) return `failed: ${drift.failed}`;
    if (!drift.checked_at) return "not yet";
    return `${drift.differences.length ? drift.differences.join("; ") : "no difference"} at ${moment(drift.checked_at)}`;
  }

  async function reset(name) {
    const isSure = await confirm({ title: `Close the circuit breaker ${name}?`, text: "Calls go again at once. Do it when what it protects from is over.", yes: "Close it" });
    if (isSure) ask(`v1/breakers/${part(name)}/reset`, { method: "POST", body: {} }).catch((error) => failed("Not reset", error));
  }

  page.live.follow("pacing", ({ type, data: told }) => {
    if (type !== "pacing") return;
    const queued = Object.values(told.lanes).reduce((sum, lane) => sum + lane.queued, 0);
    meters(byId("pacing"), [
      ["Messages in the last second", told.used, told.budget_now],
      ["History in ten minutes", told.history.used, told.history.limit_now],
      ["History under way", told.history.open, told.history.open_limit],
      ...Object.entries(told.lines).map(([name, line]) => [LINES[name] ?? words(name), line.used, line.limit_now]),
    ], `${queued} waiting · ${told.complaints} complaints of the gateway`);
  });
}

const LINES = { lines: "Market data lines", depth: "Order books", ticks: "Tick streams", scans: "Scanners" };

function facts(list, rows) {
  const known = new Map([...list.querySelectorAll("dd")].map((one) => [one.dataset.name, one]));
  if (known.size !== rows.length) {
    list.replaceChildren(...rows.flatMap(([name]) => [h("dt", {}, name), h("dd", { "data-name": name })]));
    facts(list, rows);
    return;
  }
  for (const [name, text] of rows) if (known.get(name)) setText(known.get(name), text);
}

function states(list, rows, none) {
  const said = JSON.stringify(rows.map((one) => [one.name, one.text, one.small, Boolean(one.act)]));
  if (list.dataset.said === said) return;
  list.dataset.said = said;
  list.replaceChildren(...rows.map((one) => {
    const row = h("li", {}, h("span", {}, one.name, one.small ? h("small", {}, ` ${one.small}`) : null), h("span", { class: "pill", "data-tone": one.tone }, one.text));
    if (one.act) row.append(h("button", { type: "button", class: "button small", onclick: one.act }, "Reset"));
    return row;
  }));
  if (!rows.length) list.append(h("li", { class: "faint" }, none));
}

function meters(holder, rows, note) {
  if (holder.children.length !== rows.length + 1) {
    holder.replaceChildren(...rows.map(([name]) => h("div", {},
      h("div", { class: "meter-head" }, h("span", {}, name), h("span")),
      h("div", { class: "bar", role: "meter", "aria-label": name, "aria-valuemin": "0" }, h("i")))), h("p", { class: "as-of" }));
  }
  rows.forEach(([, used, limit], at) => {
    const [head, bar] = holder.children[at].children;
    setText(head.lastChild, `${used} of ${limit}`);
    bar.setAttribute("aria-valuemax", String(limit));
    bar.setAttribute("aria-valuenow", String(used));
    bar.setAttribute("aria-valuetext", `${used} of ${limit}`);
    bar.dataset.full = limit && used / limit >= 0.8 ? "yes" : "no";
    bar.firstChild.style.setProperty("--share", `${limit ? Math.min(100, (100 * used) / limit) : 0}%`);
    bar.firstChild.style.setProperty("--least", used ? "3px" : "0");
  });
  setText(holder.lastChild, note);
}
