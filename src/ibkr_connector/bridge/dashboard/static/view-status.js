// The header and the banners: paper or live, whether there is a connection, and what is in the way.

import { ask } from "./asking.js";
import { byId, h, setText, show } from "./elements.js";
import { moment, span, words } from "./formats.js";
import { failed } from "./notices.js";

const TONES = { ready: "good", degraded: "wait", connecting: "wait", syncing: "wait", maintenance: "wait" };

export function showStatus(page) {
  const pill = byId("link");
  let link = { isUp: null };

  page.on("link", (now) => {
    link = now;
    const isLost = now.isUp === false;
    document.body.dataset.stale = isLost ? "yes" : "no";
    document.body.dataset.link = now.isUp ? "up" : "lost";
    if (isLost) {
      pill.dataset.tone = "bad";
      setText(pill, "Bridge lost");
      const since = h("span", {}, `Nothing has been heard of it since ${moment(now.since)}. What is shown is of then, and may have changed.`);
      banner("link", "bad", "The connection to the bridge is lost.", since, ["Try now", () => page.live.now()], true);
    } else {
      banner("link", null);
      if (page.status) paint(page.status);
    }
  });

  page.live.follow("status", (told) => {
    if (told.type !== "status") return;
    page.status = told.data;
    paint(told.data);
    page.tell("status", told.data);
  });

  function paint(status) {
    paintMode(status);
    const isReady = ["ready", "degraded"].includes(status.state);
    document.body.dataset.gateway = isReady ? "up" : "lost";
    if (link.isUp) {
      document.body.dataset.stale = isReady ? "no" : "yes";
      pill.dataset.tone = TONES[status.state] ?? "bad";
      setText(pill, isReady ? `Gateway ${words(status.state)}` : `Gateway ${words(status.state)}`);
    }
    paintBanners(status, isReady);
  }

  function paintMode(status) {
    const isLive = status.mode === "live";
    document.body.dataset.mode = status.mode;
    const mode = byId("mode");
    mode.dataset.mode = status.mode;
    setText(mode, isLive ? "LIVE ACCOUNT: REAL MONEY" : "PAPER ACCOUNT");
    show(mode, true);
    const about = byId("account-of");
    const accounts = status.accounts.join(", ");
    setText(about, `${accounts || "no account yet"}${status.readonly ? " · read-only" : ""}`);
    show(about, true);
    document.title = `${isLive ? "LIVE" : "Paper"} · ${accounts || status.profile} · ibkr-connector`;
    document.body.dataset.trade = page.mayTrade ? "yes" : "no";
    for (const one of document.querySelectorAll('#sections [data-needs="trade"]')) show(one, page.mayTrade);
  }

  function paintBanners(status, isReady) {
    const connect = page.may("admin") && ["idle", "stopped"].includes(status.state)
      ? ["Connect", () => ask("v1/connect", { method: "POST", body: {} }).catch((error) => failed("Not connected", error))]
      : null;
    banner("gateway", isReady ? null : "bad", "The bridge has no connection to the gateway.", gatewayText(status), connect, true);
    banner("degraded", isReady && status.degraded_by.length ? "wait" : null, "Not everything works.", `Missing: ${status.degraded_by.map(words).join(", ")}.`);
    banner("competing", status.competing_session ? "wait" : null, "Market data stand still.", "The same user is logged in elsewhere.");
    banner("attention", status.attention.length ? "bad" : null, "Somebody must look at this.", status.attention.join(" "));
    banner("uncertain", status.uncertain_orders ? "bad" : null, `${status.uncertain_orders} uncertain ${status.uncertain_orders === 1 ? "order" : "orders"}.`, "Nobody knows yet what became of it. Do not send it again; the bridge finds out.");
    const halted = status.halted_by.filter((one) => one !== status.kill_switch);
    banner("halted", halted.length && !status.kill_switch && !status.readonly ? "wait" : null, "New orders are refused.", halted.join(" "));
  }

  function gatewayText(status) {
    const parts = [`It is ${words(status.state)}.`];
    if (status.login_obstacle) parts.push(`The login waits for: ${status.login_obstacle}.`);
    if (status.planned_outage) parts.push(`Planned: ${status.planned_outage}, until ${moment(status.planned_until)}.`);
    if (status.last_error) parts.push(`Last error: ${status.last_error}.`);
    if (status.next_attempt_in_s) parts.push(`Attempt ${status.attempt + 1} in ${span(status.next_attempt_in_s)}.`);
    parts.push("What is shown of account and market is of before.");
    return parts.join(" ");
  }
}

const ORDER = ["link", "gateway", "kill", "uncertain", "attention", "halted", "degraded", "competing"];

/** Show, change or take away one banner; what is urgent is read out at once. */
export function banner(name, tone, title = "", text = "", act = null, isUrgent = false) {
  const holder = byId("banners");
  const before = holder.querySelector(`[data-name="${name}"]`);
  if (!tone) {
    before?.remove();
    return;
  }
  const said = text instanceof Node ? text : h("span", {}, text);
  if (before && before.dataset.tone === tone && before.dataset.act === (act?.[0] ?? "")) {
    setText(before.querySelector("strong"), title);
    if (before.querySelector("span").textContent !== said.textContent) before.querySelector("span").replaceWith(said);
    return;
  }
  const box = h("div", { class: "banner", role: isUrgent ? "alert" : "status", "data-name": name, "data-tone": tone, "data-act": act?.[0] ?? "" },
    h("strong", {}, title), said);
  if (act) box.append(h("button", { type: "button", class: "button small", onclick: act[1] }, act[0]));
  before?.remove();
  const after = [...holder.children].find((one) => ORDER.indexOf(one.dataset.name) > ORDER.indexOf(name));
  holder.insertBefore(box, after ?? null);
}
