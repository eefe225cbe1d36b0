// The life of one order: every step with its cause and its evidence, from the journal.

import { ask, part } from "./asking.js";
import { openDialog } from "./dialogs.js";
import { h } from "./elements.js";
import { clockTime, contractText, dayOf, money, moment, orderText, price, quantity, words } from "./formats.js";
import { makeTable } from "./tables.js";

export function showHistory(order) {
  openDialog(`History of order ${order.order_id}`, async (body, acts, close) => {
    acts.append(h("button", { type: "button", class: "button primary", onclick: close }, "Close"));
    const holder = h("div", { class: "history", "aria-busy": "true" }, h("p", { class: "none" }, "Reading the journal…"));
    body.append(holder);
    try {
      const told = await ask(`v1/orders/${part(order.order_ref || order.perm_id || order.order_id)}/history`);
      fill(holder, told);
    } catch (error) {
      holder.replaceChildren(h("p", { class: "problem" }, error.sentence));
    }
    holder.setAttribute("aria-busy", "false");
  });
}

function fill(holder, { order, steps, namesakes }) {
  const facts = [
    ["Status", words(order.status)],
    ["Reference", order.order_ref || "–"],
    ["Your key", order.client_order_id ?? "–"],
    ["Permanent id", order.perm_id === null ? "–" : String(order.perm_id)],
    ["Account", order.account],
    ["Filled", `${quantity(order.filled_quantity)} of ${quantity(order.quantity)}`],
    ["Average price", price(order.avg_fill_price)],
    ["Commission", money(order.commission, order.fills[0]?.commission_currency)],
  ];
  if (order.reason) facts.push(["Reason", order.reason]);
  const list = h("dl", { class: "facts" }, facts.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
  holder.replaceChildren(h("p", { class: "lead" }, orderText(order)), list);
  if (namesakes.length) holder.append(h("p", { class: "hint" }, `Other orders had the same number: ${namesakes.join(", ")}`));

  holder.append(h("h3", {}, "Steps"));
  const days = new Set(steps.map((one) => dayOf(one.time)));
  const table = makeTable(holder, {
    caption: "Steps of the order",
    none: "The journal has no steps.",
    keyOf: (one) => one.seq,
    columns: [
      { label: "Time (UTC)", kind: "head", text: (one) => `${days.size > 1 ? `${dayOf(one.time)} ` : ""}${clockTime(one.time)}.${one.time.slice(20, 23).padEnd(3, "0").replace(/\D/g, "0")}` },
      { label: "What", kind: "long", text: (one) => one.what },
      { label: "Cause", kind: "long", text: (one) => one.cause },
      { label: "Evidence", kind: "long", make: evidence },
    ],
  });
  table.set(steps);

  if (order.fills.length) {
    holder.append(h("h3", {}, "Executions"));
    const fills = makeTable(holder, {
      caption: "Executions",
      none: "",
      keyOf: (one) => one.exec_id,
      columns: [
        { label: "Time", kind: "head", text: (one) => moment(one.time) },
        { label: "Quantity", kind: "number", text: (one) => `${quantity(one.quantity)} ${contractText(one.contract)}` },
        { label: "Price", kind: "number", text: (one) => money(one.price, one.contract.currency) },
        { label: "Exchange", kind: "long", text: (one) => one.exchange },
        { label: "Commission", kind: "number", text: (one) => money(one.commission, one.commission_currency) },
      ],
    });
    fills.set(order.fills);
  }
}

function evidence(cell, step) {
  const said = Object.entries(step.evidence ?? {}).filter(([, value]) => value !== null && value !== "");
  if (!said.length) return;
  const text = said.map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join("\n");
  cell.append(h("details", {}, h("summary", {}, "Show"), h("pre", { class: "mono", tabindex: "0" }, text)));
}
