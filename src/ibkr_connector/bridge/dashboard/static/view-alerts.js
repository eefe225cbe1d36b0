// What is wrong now, how bad it is, since when, and what helps.

import { ask, part } from "./asking.js";
import { byId, h, setText, show } from "./elements.js";
import { moment, words } from "./formats.js";
import { failed, notice } from "./notices.js";

const TONES = { info: "plain", warning: "wait", critical: "bad" };
const RANK = ["critical", "warning", "info"];

export function showAlerts(page) {
  const told = new Set();
  page.live.follow("alerts", ({ type, data }) => {
    if (type === "alerts") {
      paint(data.active);
      tell(data.change);
      setText(byId("alerts-as-of"), `as of ${moment(page.live.time())}`);
    }
    if (type === "unavailable") setText(byId("alerts-as-of"), "not told without a connection");
  });

  /** What is critical is read out as it comes; it stays in the list, so the notice goes by itself. */
  function tell(change) {
    if (change?.step !== "raised" || change.alert.severity !== "critical" || told.has(change.alert.alert_id)) return;
    told.add(change.alert.alert_id);
    notice(`Critical alert: ${change.alert.text}`);
  }

  function paint(alerts) {
    const count = byId("alert-count");
    setText(count, String(alerts.length));
    show(count, alerts.length > 0);
    const said = JSON.stringify([alerts, page.may("trade")]);
    const holder = byId("alerts-rows");
    if (holder.dataset.said === said) return;
    holder.dataset.said = said;
    const sorted = [...alerts].sort((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity));
    holder.replaceChildren(alerts.length ? h("ul", {}, sorted.map(row)) : h("p", { class: "none" }, "Nothing is wrong."));
  }

  function row(alert) {
    const head = h("div", { class: "alert-head" },
      h("span", { class: "pill", "data-tone": TONES[alert.severity] }, alert.severity),
      h("strong", {}, words(alert.kind)));
    if (alert.acknowledged_at) head.append(h("span", { class: "faint" }, `seen by ${alert.acknowledged_by || "somebody"}`));
    else if (page.may("trade")) head.append(h("button", { type: "button", class: "button small", "aria-label": `Acknowledge: ${words(alert.kind)}`, onclick: () => acknowledge(alert) }, "Acknowledge"));
    const since = `Since ${moment(alert.raised_at)}${alert.count > 1 ? `, seen ${alert.count} times` : ""}${alert.is_silenced ? ", silenced" : ""}`;
    return h("li", { class: "alert" }, head, h("p", {}, alert.text), h("p", { class: "hint" }, [since, alert.remedy].filter(Boolean).join(" · ")));
  }

  async function acknowledge(alert) {
    try {
      await ask(`v1/alerts/${part(alert.alert_id)}/acknowledge`, { method: "POST", body: {} });
    } catch (error) {
      failed("Not acknowledged", error);
    }
  }
}
