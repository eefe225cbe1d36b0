// What the account holds, with its gains, and the way out of each position.

import { ask, part } from "./asking.js";
import { confirm } from "./dialogs.js";
import { byId, h, setText, show } from "./elements.js";
import { contractText, money, moment, price, quantity, signed, toneOf } from "./formats.js";
import { failed, notice } from "./notices.js";
import { makeTable, twoLines } from "./tables.js";

export function showPositions(page) {
  const table = makeTable(byId("positions-rows"), {
    caption: "Positions",
    none: "Nothing is held.",
    keyOf: (one) => `${one.account}/${one.contract.con_id}/${one.model}`,
    columns: [
      { label: "Contract", kind: "head", fill: (cell, one) => twoLines(cell, contractText(one.contract), `${one.contract.security_type} · ${one.contract.currency}`) },
      { label: "Quantity", kind: "number", text: (one) => quantity(one.quantity) },
      { label: "Average price", kind: "number", text: (one) => price(rounded(one.avg_price)) },
      { label: "Price", kind: "number", fill: (cell, one) => twoLines(cell, price(one.current_price), one.price_as_of ? moment(one.price_as_of) : "") },
      { label: "Value", kind: "number", text: (one) => money(one.market_value) },
      { label: "Unrealised", kind: "number", text: (one) => signed(one.unrealized_pnl), tone: (one) => toneOf(one.unrealized_pnl) },
      { label: "", hiddenLabel: "Actions", kind: "acts", make: acts },
    ],
  });
  table.setNone("Not told yet.");

  page.on("positions", ({ positions, asOf }) => {
    const held = positions.filter((one) => Number(one.quantity) !== 0);
    table.setNone("Nothing is held.");
    table.set(held);
    setText(byId("positions-as-of"), `as of ${moment(asOf)}`);
    for (const button of byId("positions-rows").querySelectorAll("button")) show(button, page.mayTrade);
  });
  page.on("status", () => {
    for (const button of byId("positions-rows").querySelectorAll("button")) show(button, page.mayTrade);
  });

  function acts(cell, one) {
    const name = contractText(one.contract);
    const button = h("button", { type: "button", class: "button small", "aria-label": `Close the position in ${name}`, onclick: () => close(one, name) }, "Close");
    button.hidden = !page.mayTrade;
    cell.append(button);
  }

  async function close(one, name) {
    const isSure = await confirm({
      title: `Close ${name}?`,
      text: `Our open orders on ${name} are cancelled, then ${quantity(one.quantity)} ${name} of account ${one.account} are closed at the market.`,
      yes: page.isLive ? "Close it with real money" : "Close it",
      isDangerous: page.isLive,
    });
    if (!isSure) return;
    try {
      // a name is no contract: one of several exchanges or currencies may bear it
      const report = await ask(`v1/positions/${part(`#${one.contract.con_id}`)}/close?account=${part(one.account)}`, { method: "POST", body: {} });
      const nothing = report.closed.length ? "" : `Nothing was closed: ${name} is not held any more.`;
      const problems = report.problems.join(" ") || nothing;
      notice(problems || `${name} is being closed: ${report.closed.length} orders, ${report.cancelled.length} cancelled`, problems ? "bad" : "good");
    } catch (error) {
      failed(`${name} was not closed`, error);
    }
  }
}

/** An average is a quotient with digits that no price has. */
function rounded(text) {
  const value = Number(text);
  return text === null || !Number.isFinite(value) ? text : value.toFixed(value < 10 ? 5 : 4).replace(/0{1,2}$/, "");
}
