// The order form. Nothing goes without a preview: what it would do is shown first, and its token
// lets exactly that order go, once.

import { ask } from "./asking.js";
import { byId, h, setText, show } from "./elements.js";
import { price } from "./formats.js";
import { showPreview } from "./view-preview.js";

const TYPES = [
  ["LMT", "Limit", ["limit_price"]],
  ["MKT", "Market", []],
  ["STP", "Stop", ["stop_price"]],
  ["STP LMT", "Stop limit", ["stop_price", "limit_price"]],
  ["TRAIL", "Trailing stop", ["trail_percent"]],
  ["MIT", "Market if touched", ["stop_price"]],
  ["LIT", "Limit if touched", ["stop_price", "limit_price"]],
  ["MOC", "Market on close", []],
  ["LOC", "Limit on close", ["limit_price"]],
];
const TIMES = [["DAY", "Day"], ["GTC", "Until cancelled"], ["IOC", "Immediate or cancel"], ["FOK", "Fill or kill"]];
const PRICES = { limit_price: "Limit price", stop_price: "Stop price", trail_percent: "Trail (%)" };
const DECIMAL = /^\d{1,15}(\.\d{1,10})?$/;

export function showTicket(page) {
  const form = byId("ticket-form");
  const fields = {};

  const field = (name, label, input, isWhole = false) => {
    input.id = `ticket-${name}`;
    input.name = name;
    fields[name] = input;
    const box = h("div", { class: `field${isWhole ? " whole" : ""}` }, h("label", { for: input.id }, label), input);
    form.append(box);
    return box;
  };
  const number = () => h("input", { inputmode: "decimal", autocomplete: "off", required: true });
  const select = (choices) => h("select", {}, choices.map(([value, label]) => h("option", { value }, label)));

  field("symbol", "Symbol", h("input", { autocomplete: "off", spellcheck: "false", maxlength: "64", required: true }), true);
  const side = (value, label, name) => h("label", {}, h("input", { type: "radio", name: "action", value, checked: value === "BUY" }), h("span", { class: name }, label));
  form.append(h("fieldset", { class: "field whole" }, h("legend", {}, "Side"), h("div", { class: "sides" }, side("BUY", "Buy", "buy"), side("SELL", "Sell", "sell"))));
  field("quantity", "Quantity", number());
  fields.quantity.value = "1";
  field("order_type", "Type", select(TYPES));
  const boxes = Object.fromEntries(Object.entries(PRICES).map(([name, label]) => [name, field(name, label, number())]));
  field("time_in_force", "Time in force", select(TIMES));
  const outside = h("input", { type: "checkbox", id: "ticket-outside" });
  form.append(h("label", { class: "check whole", for: "ticket-outside" }, outside, "Also outside regular hours"));
  const market = h("p", { class: "hint whole", id: "ticket-market" });
  const problem = h("p", { class: "problem whole", role: "alert" });
  const button = h("button", { type: "submit", class: "button primary wide whole" }, "Preview order");
  form.append(market, problem, button);

  const typeOf = () => TYPES.find(([name]) => name === fields.order_type.value);
  const chosen = () => {
    const wanted = typeOf()[2];
    for (const [name, box] of Object.entries(boxes)) show(box, wanted.includes(name));
  };
  fields.order_type.addEventListener("change", chosen);
  chosen();

  page.on("status", (status) => {
    show(byId("ticket"), page.mayTrade);
    const mode = byId("ticket-mode");
    mode.dataset.mode = status.mode;
    setText(mode, page.isLive ? "LIVE" : "PAPER");
  });
  page.on("symbol", (symbol) => {
    fields.symbol.value = symbol ?? "";
    tellMarket();
  });
  page.on("tick", tellMarket);
  fields.symbol.addEventListener("input", tellMarket);

  function tellMarket() {
    const quote = page.quoteOf?.(fields.symbol.value.trim());
    const isOld = document.body.dataset.stale === "yes" ? ", of before the connection was lost" : "";
    setText(market, quote ? `Bid ${price(quote.bid)}, ask ${price(quote.ask)} ${quote.contract.currency}${isOld}` : "");
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const order = read();
    if (!order) return;
    button.disabled = true;
    setText(button, "Asking the broker…");
    try {
      showPreview(page, order, await ask("v1/orders/preview", { method: "POST", body: order }));
      setText(problem, "");
    } catch (error) {
      setText(problem, error.sentence);
    } finally {
      button.disabled = false;
      setText(button, "Preview order");
    }
  });

  /** What the form says as an order; `null`, with the first mistake told and the keyboard there. */
  function read() {
    const order = { symbol: fields.symbol.value.trim(), action: new FormData(form).get("action"), order_type: fields.order_type.value, time_in_force: fields.time_in_force.value };
    const wrong = [];
    if (!order.symbol) wrong.push([fields.symbol, "Name a symbol."]);
    for (const name of ["quantity", ...typeOf()[2]]) {
      order[name] = fields[name].value.trim();
      if (!DECIMAL.test(order[name])) wrong.push([fields[name], `${PRICES[name] ?? "Quantity"}: write a number above zero, with a point for decimals.`]);
    }
    if (outside.checked) order.outside_regular_hours = true;
    // one key for this preview: whatever is sent again with it is the same order
    order.client_order_id = `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    if (page.account) order.account = page.account;
    for (const input of Object.values(fields)) input.setAttribute("aria-invalid", String(wrong.some(([one]) => one === input)));
    setText(problem, wrong[0]?.[1] ?? "");
    wrong[0]?.[0].focus();
    return wrong.length ? null : order;
  }
}
