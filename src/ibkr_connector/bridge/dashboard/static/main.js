// The start: who asks, what the token may do, and the parts of the page.

import { ask, token } from "./asking.js";
import { byId, setText, show } from "./elements.js";
import { clockTime, setClock } from "./formats.js";
import { Live } from "./live.js";
import { showAccount } from "./view-account.js";
import { showAlerts } from "./view-alerts.js";
import { showGain } from "./view-gain.js";
import { showHealth } from "./view-health.js";
import { showKillSwitch } from "./view-kill.js";
import { showMarket } from "./view-market.js";
import { showOrders } from "./view-orders.js";
import { showPositions } from "./view-positions.js";
import { showStatus } from "./view-status.js";
import { showTicket } from "./view-ticket.js";

const VIEWS = [
  showStatus, showAccount, showTicket, showMarket, showPositions, showGain,
  showOrders, showAlerts, showHealth, showKillSwitch,
];

/** What the parts of the page share: who asks, the live connection, and what one tells the others. */
class Page extends EventTarget {
  constructor(caller) {
    super();
    this.caller = caller;
    this.status = null;
    this.account = null;
  }

  may(scope) {
    return this.caller.scopes.includes(scope);
  }

  /** Whether orders go at all: the token's scope, and a connector that is not read-only. */
  get mayTrade() {
    return this.may("trade") && this.status?.readonly === false;
  }

  get isLive() {
    return this.status?.mode === "live";
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  on(name, hear) {
    this.addEventListener(name, (event) => hear(event.detail));
  }
}

let page = null;

async function enter() {
  let caller;
  try {
    caller = await ask("v1/caller");
  } catch (problem) {
    if (problem.status === 401) askForToken(token.get() ? "This token is not one of this bridge." : "");
    else if (problem.status === 403) askForToken("This token may not read.");
    else if (problem.status === 429) askForToken("Too many wrong tokens came from this address. Wait a little, then try again.");
    else {
      setText(byId("link"), "Bridge unreachable");
      byId("link").dataset.tone = "bad";
      setTimeout(enter, 2000);
    }
    return;
  }
  begin(caller);
}

function begin(caller) {
  show(byId("door"), false);
  page = new Page(caller);
  page.live = new Live({
    onLink: (link) => page.tell("link", link),
    onDoubt: async (reason) => {
      if (reason.startsWith("a browser")) return leave(reason);
      try {
        await ask("v1/caller");
      } catch (problem) {
        if (problem.status === 401) leave("The token is good no more.");
      }
    },
  });
  setClock(() => page.live.time());
  for (const view of VIEWS) view(page);
  show(byId("desk"), true);
  show(byId("sections"), true);
  show(byId("leave"), token.get() !== "");
  const who = token.get() ? `You are ${caller.name}, with a token for: ${caller.scopes.join(", ")}.` : "This bridge asks for no token: every program of its machine may do all that this page can.";
  setText(byId("about"), `${who} All times are UTC.`);
  page.live.start();
}

/** Forget the token and everything that was shown with it. */
function leave(reason) {
  page?.live.stop();
  token.forget();
  if (reason) sessionStorage.setItem("ibkr.reason", reason);
  location.reload();
}

function askForToken(problem) {
  const reason = sessionStorage.getItem("ibkr.reason");
  sessionStorage.removeItem("ibkr.reason");
  token.forget();
  show(byId("door"), true);
  setText(byId("door-problem"), problem || reason || "");
  byId("token").setAttribute("aria-invalid", String(problem !== ""));
  byId("token").value = "";
  byId("token").focus();
  setText(byId("link"), "Signed out");
  byId("link").dataset.tone = "plain";
}

byId("door").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(byId("token").value.trim());
  enter();
});
byId("leave").addEventListener("click", () => leave(""));

setInterval(() => {
  const now = page ? page.live.time() : Date.now();
  setText(byId("clock"), `${clockTime(now)} UTC`);
  page?.tell("tick", now);
}, 1000);

enter();
