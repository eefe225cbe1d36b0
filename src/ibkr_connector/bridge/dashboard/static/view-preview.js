// What an order would do, and the button that lets it go.

import { ask } from "./asking.js";
import { openDialog } from "./dialogs.js";
import { h, setText } from "./elements.js";
import { money, orderText, price, signed, span, words } from "./formats.js";
import { notice } from "./notices.js";
import { makeTable } from "./tables.js";

const WAIT_S = 10;
const MARGINS = [["initial_margin", "Initial margin"], ["maintenance_margin", "Maintenance margin"], ["equity_with_loan", "Equity with loan"]];

export function showPreview(page, order, preview) {
  const broken = preview.rules.filter((one) => one.verdict === "broken");
  const refusal = preview.broker.rejected_reason;
  const mayGo = preview.token !== null;
  let timer = null;

  const dialog = openDialog(page.isLive ? "Preview: order with real money" : "Preview: paper order", (body, acts, close) => {
    body.append(h("p", { class: "lead" }, orderText(preview.order)), h("p", { class: "faint" }, `Account ${preview.order.account ?? "–"}`));
    body.append(verdict(mayGo, broken, refusal));
    for (const one of preview.broker.warnings) body.append(h("p", { class: "hint" }, `The broker warns: ${one}`));
    margins(body, preview, page.currency ?? "");
    rules(body, preview.rules);

    const problem = h("p", { class: "problem", role: "alert" });
    const left = h("span", { class: "hint" });
    const go = h("button", { type: "button", class: `button ${page.isLive ? "stop" : "primary"}` }, page.isLive ? "Place LIVE order" : "Place paper order");
    go.disabled = !mayGo;
    body.append(problem);
    acts.append(left, h("button", { type: "button", class: "button", onclick: close }, "Do not place it"), go);

    const tick = () => {
      const seconds = (Date.parse(preview.expires) - page.live.time()) / 1000;
      setText(left, seconds > 0 ? `Good for ${span(seconds)}` : "The preview has expired; preview again");
      if (seconds <= 0) {
        go.disabled = true;
        clearInterval(timer);
      }
    };
    if (mayGo && preview.expires) {
      timer = setInterval(tick, 1000);
      tick();
    }

    go.addEventListener("click", async () => {
      go.disabled = true;
      setText(problem, "");
      setText(go, "Placing…");
      try {
        const report = await ask("v1/orders", { method: "POST", key: order.client_order_id, body: { ...order, token: preview.token, wait: "submitted", timeout_s: WAIT_S } });
        page.takeOrder(report);
        notice(`Order ${report.order_id} ${words(report.status)}: ${orderText(report)}`, "good");
        close();
      } catch (error) {
        setText(problem, explain(error));
        // without an answer the same call may go again: under its key it is the same order
        const mayRepeat = isOpen(error);
        setText(go, mayRepeat ? "Ask again" : isUncertain(error) ? "Uncertain" : "Not placed");
        go.disabled = !mayRepeat;
      }
    });
  });
  dialog.addEventListener("close", () => clearInterval(timer));
}

/** Whether the order was sent, and nobody knows what became of it. */
const isUncertain = (error) => error.slug === "order-uncertain" || ["sent", "maybe_written"].includes(error.disposition) && error.slug !== "order-rejected";

/** Whether nobody says if the order is there: no answer, or one of a proxy or of a defect. */
const isOpen = (error) => error.status === 0 || (error.status >= 500 && error.disposition !== "unsent" && !isUncertain(error));

function explain(error) {
  const lost = "No answer came, so nobody knows whether the order is there. To ask again is safe: it stands under one key, and is placed once.";
  if (isOpen(error)) return error.status === 0 ? lost : `${lost} (${error.sentence})`;
  if (isUncertain(error)) return `${error.message}. The order was sent, and nobody knows yet what became of it. Do not place it again; it is in the list below, and the bridge finds out.`;
  return error.sentence;
}

function verdict(mayGo, broken, refusal) {
  if (mayGo) return h("div", { class: "verdict", "data-tone": "good" }, h("strong", {}, "It may go."), h("span", {}, "No rule refuses it, and neither does the broker as far as is known now."));
  const said = broken.map((one) => `${one.rule}: ${one.value}, limit ${one.limit}. ${one.remedy}`);
  if (refusal) said.push(`The broker: ${refusal}`);
  return h("div", { class: "verdict", "data-tone": "bad" }, h("strong", {}, "It would be refused."), said.map((one) => h("span", {}, one)));
}

function margins(body, preview, currency) {
  const { broker } = preview;
  body.append(h("h3", {}, "What the broker says"));
  const table = makeTable(body, {
    caption: "Margins before and after",
    none: "The broker has told no figures.",
    keyOf: (one) => one.name,
    columns: [
      { label: currency ? `In ${currency}` : "Figure", kind: "head", text: (one) => one.label },
      { label: "Before", kind: "number", text: (one) => money(one.before) },
      { label: "Change", kind: "number", text: (one) => signed(one.change) },
      { label: "After", kind: "number", text: (one) => money(one.after) },
    ],
  });
  table.set(MARGINS.map(([name, label]) => ({ name, label, ...broker[name] })).filter((one) => one.after !== null || one.change !== null));
  const cost = broker.commission ?? (broker.min_commission === null ? null : `${broker.min_commission}`);
  const facts = [["Commission", money(cost, broker.commission_currency)]];
  if (preview.price !== null) facts.push(["Market price", price(preview.price)]);
  body.append(h("dl", { class: "facts" }, facts.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])));
}

function rules(body, all) {
  const set = all.filter((one) => one.verdict !== "not set");
  const passed = set.filter((one) => one.verdict === "passed").length;
  const holder = h("details", {}, h("summary", {}, `${passed} of ${set.length} rules passed, ${all.length - set.length} not set`));
  const table = makeTable(holder, {
    caption: "Rules",
    none: "No rule is set.",
    keyOf: (one) => one.rule,
    columns: [
      { label: "Rule", kind: "head", text: (one) => words(one.rule) },
      { label: "Verdict", text: (one) => one.verdict },
      { label: "Value", kind: "number", text: (one) => one.value },
      { label: "Limit", kind: "number", text: (one) => one.limit },
    ],
  });
  table.set(set);
  body.append(holder);
}
