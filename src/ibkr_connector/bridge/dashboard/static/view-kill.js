// The kill switch: a word has to be typed before it is engaged, and before it is released.

import { ask } from "./asking.js";
import { confirm } from "./dialogs.js";
import { byId, h, show } from "./elements.js";
import { moment } from "./formats.js";
import { failed, notice } from "./notices.js";
import { banner } from "./view-status.js";

export function showKillSwitch(page) {
  const button = byId("kill");
  let isEngaged = false;
  show(button, page.may("trade"));
  button.addEventListener("click", engage);

  page.on("status", (status) => {
    const was = isEngaged;
    isEngaged = status.kill_switch !== "";
    button.disabled = isEngaged;
    if (!isEngaged) banner("kill", null);
    else if (!was) look();
  });

  async function look() {
    let state = null;
    try {
      state = (await ask("v1/kill-switch")).state;
    } catch {
      state = null;
    }
    if (!isEngaged) return;
    const said = state ? `${state.reason}${state.at ? `, since ${moment(state.at)}` : ""}. ` : "";
    const act = page.may("admin") ? ["Release…", release] : null;
    const needs = act ? "" : "Releasing it needs a token with the scope admin.";
    banner("kill", "bad", "The kill switch is engaged: new orders are refused.", `${said}${needs}`, act, true);
  }

  async function engage() {
    const reason = h("input", { id: "kill-reason", maxlength: "400", autocomplete: "off", value: "stopped from the dashboard" });
    const box = (id, label) => {
      const input = h("input", { type: "checkbox", id });
      return [input, h("label", { class: "check", for: id }, input, label)];
    };
    const [cancel, cancelBox] = box("kill-cancel", "Cancel our open orders too");
    const [flatten, flattenBox] = box("kill-flatten", "Close all positions at the market too (cancels open orders first)");
    const [everyone, everyoneBox] = box("kill-everyone", "Cancel the orders of all other programs of this login too");
    cancel.checked = true;
    const isSure = await confirm({
      title: page.isLive ? "Stop trading on the LIVE account?" : "Stop trading?",
      text: "New orders are refused from now on, also after a restart and by every program with the same state, until somebody releases the switch.",
      fields: [h("div", { class: "field" }, h("label", { for: "kill-reason" }, "Reason"), reason), cancelBox, flattenBox, everyoneBox],
      yes: "Engage the kill switch", no: "Go on trading", word: "STOP", isDangerous: true,
    });
    if (!isSure) return;
    try {
      const report = await ask("v1/kill-switch", { method: "POST", body: { reason: reason.value.trim() || "stopped from the dashboard", cancel: cancel.checked, flatten: flatten.checked, everyone: everyone.checked } });
      const problems = report.problems.join(" ");
      notice(`The kill switch is engaged. ${report.cancelled} cancelled, ${report.closed} closed. ${problems}`, problems ? "bad" : "good");
    } catch (error) {
      failed("It is not certain that the kill switch is engaged", error);
    }
  }

  async function release() {
    const isSure = await confirm({
      title: page.isLive ? "Let orders go again on the LIVE account?" : "Let orders go again?",
      text: "Every program with the same state may order again from now on.",
      yes: "Release the kill switch", no: "Keep it engaged", word: "RELEASE", isDangerous: true,
    });
    if (!isSure) return;
    try {
      await ask("v1/kill-switch", { method: "DELETE" });
      notice("The kill switch is released.", "good");
    } catch (error) {
      failed("The kill switch was not released", error);
    }
  }
}
