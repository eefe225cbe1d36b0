// Orders as they stand, with their way out and the life of each.

import { ask, part } from "./asking.js";
import { confirm } from "./dialogs.js";
import { byId, fillChoices, h, setText, show } from "./elements.js";
import { contractText, moment, orderText, price, quantity, sizeText, termsText, words } from "./formats.js";
import { failed, notice } from "./notices.js";
import { makeTable, twoLines } from "./tables.js";
import { showHistory } from "./view-history.js";

const CLOSED = new Set(["filled", "cancelled", "rejected"]);
const TONES = { filled: "good", submitted: "plain", partially_filled: "wait", pending: "wait", cancelled: "plain", rejected: "bad", uncertain: "bad" };
const AT_ONCE = 1000;

/** What tells an order from all others, before and after the broker has numbered it. */
const keyOf = (order) => order.order_ref || `${order.client_id}/${order.order_id}/${order.perm_id}`;

/** Whether one picture of an order is not older than another; a whole second has no fraction. */
const isAsNew = (one, other) => one.timestamp.replace("Z", "") >= other.timestamp.replace("Z", "");

export function showOrders(page) {
  const orders = new Map();
  const noticed = new Set();
  let which = "open";
  let loading = null;

  const table = makeTable(byId("orders-rows"), {
    caption: "Orders",
    none: "Not told yet.",
    scrolls: true,
    keyOf,
    columns: [
      { label: "Order", kind: "head", fill: (cell, one) => twoLines(cell, `${one.action} ${sizeText(one)} ${contractText(one.contract)}`, `#${one.order_id} · ${one.account} · ${one.contract.currency}`) },
      { label: "Terms", kind: "long", text: (one) => `${termsText(one)}, ${one.time_in_force}` },
      { label: "Filled", kind: "number", text: (one) => `${quantity(one.filled_quantity)} of ${sizeText(one)}` },
      { label: "Average", kind: "number", text: (one) => price(one.avg_fill_price) },
      { label: "Status", kind: "long status", fill: fillStatus },
      { label: "Changed", kind: "long number", text: (one) => moment(one.timestamp) },
      { label: "", hiddenLabel: "Actions", kind: "acts", make: acts, fill: fillActs },
    ],
  });

  fillChoices(byId("orders-which"), "which", { choices: [["open", "Open"], ["all", "All"]], chosen: which, onChoice: (name) => { which = name; paint(); } });

  page.live.follow("orders", (told) => {
    if (told.type === "subscribed" || told.type === "gap" || told.type === "lagged" || told.type === "EventsMissed") load();
    const report = told.data?.report;
    if (report) take(report);
  });
  page.on("status", paint);
  byId("cancel-all").addEventListener("click", cancelAll);

  function take(report) {
    const key = keyOf(report);
    const before = orders.get(key);
    orders.set(key, report);
    if (before && before.status !== report.status) tell(report);
    if (before) table.rowOf(key) && table.update(report);
    paint();
    page.tell("order", report);
  }

  /** Take what a call has answered, unless the WebSocket has told something newer meanwhile. */
  function answered(report) {
    const known = orders.get(keyOf(report));
    if (!known || isAsNew(report, known)) take(report);
  }

  function tell(report) {
    const kind = { filled: "good", rejected: "bad", uncertain: "bad" }[report.status];
    const once = `${keyOf(report)} ${report.status}`;
    if (!kind || noticed.has(once)) return;
    noticed.add(once);
    notice(`${orderText(report)}: ${words(report.status)}${report.avg_fill_price === null ? "" : ` at ${price(report.avg_fill_price)}`}${report.reason ? `, ${report.reason}` : ""}`, kind);
  }

  function load() {
    loading ??= pages().catch((error) => table.setNone(error.message)).finally(() => { loading = null; });
  }

  async function pages() {
    let cursor = null;
    const found = new Map();
    do {
      const told = await ask(`v1/orders?limit=${AT_ONCE}${cursor ? `&cursor=${part(cursor)}` : ""}`);
      for (const one of told.items) found.set(keyOf(one), one);
      cursor = told.next;
    } while (cursor);
    // what came over the WebSocket meanwhile is newer
    for (const [key, one] of found) {
      const known = orders.get(key);
      if (!known || isAsNew(one, known)) orders.set(key, one);
    }
    for (const key of [...orders.keys()]) if (!found.has(key) && CLOSED.has(orders.get(key).status)) orders.delete(key);
    paint();
  }

  function paint() {
    const items = [...orders.values()].filter((one) => which === "all" || !CLOSED.has(one.status));
    table.setNone(which === "open" ? "No order is open." : "There are no orders.");
    table.set(items.reverse());
    const open = [...orders.values()].filter((one) => !CLOSED.has(one.status)).length;
    show(byId("cancel-all"), page.may("trade") && open > 1);
  }

  function fillStatus(cell, one) {
    if (!cell.firstChild) cell.append(h("span", { class: "pill" }), h("small"));
    cell.firstChild.dataset.tone = TONES[one.status] ?? "plain";
    setText(cell.firstChild, words(one.status));
    setText(cell.lastChild, one.reason);
    show(cell.lastChild, Boolean(one.reason));
  }

  function acts(cell, one) {
    const key = keyOf(one);
    const name = `order ${one.order_id}, ${one.action} ${contractText(one.contract)}`;
    cell.append(
      h("button", { type: "button", class: "button small", "aria-label": `History of ${name}`, onclick: () => showHistory(orders.get(key)) }, "History"),
      h("button", { type: "button", class: "button small cancel", "aria-label": `Cancel ${name}`, onclick: () => cancel(orders.get(key)) }, "Cancel"),
    );
  }

  function fillActs(cell, one) {
    show(cell.querySelector(".cancel"), page.may("trade") && !CLOSED.has(one.status));
  }

  async function cancel(one) {
    const isSure = await confirm({ title: `Cancel order ${one.order_id}?`, text: [orderText(one), `${quantity(one.filled_quantity)} of ${sizeText(one)} is filled; what is filled stays.`], yes: "Cancel the order" });
    if (!isSure) return;
    try {
      // each program counts its orders from 1: the number of another's is that of one of ours
      const number = one.perm_id || one.order_id;
      const report = await ask(`v1/orders/${number}`, { method: "DELETE" });
      answered(report);
      notice(`Order ${report.order_id}: ${words(report.status)}`, report.status === "cancelled" ? "good" : "plain");
    } catch (error) {
      failed(`Order ${one.order_id} was not cancelled`, error);
    }
  }

  async function cancelAll() {
    const open = [...orders.values()].filter((one) => !CLOSED.has(one.status));
    const isSure = await confirm({ title: "Cancel every open order?", text: `${open.length} orders are open. Every one that this bridge has placed is cancelled; positions stay.`, yes: "Cancel all of them" });
    if (!isSure) return;
    try {
      const report = await ask("v1/orders", { method: "DELETE" });
      report.cancelled.forEach(answered);
      notice(report.problems.join(" ") || `${report.cancelled.length} orders cancelled`, report.problems.length ? "bad" : "good");
    } catch (error) {
      failed("The orders were not cancelled", error);
    }
  }

  page.takeOrder = answered;
}

