// What happened, told once at the edge of the page and read out politely.

import { byId, h } from "./elements.js";

const LASTS_MS = 8000;

/** `kind` is good, bad or plain; what went wrong stays until somebody takes it away. */
export function notice(text, kind = "plain") {
  const close = h("button", { type: "button", class: "button small quiet", "aria-label": "Dismiss this notice" }, "✕");
  const box = h("div", { class: "notice", "data-kind": kind }, h("div", {}, text), close);
  close.addEventListener("click", () => box.remove());
  byId("notices").append(box);
  if (kind !== "bad") setTimeout(() => box.remove(), LASTS_MS);
  return box;
}

export function failed(what, error) {
  console.debug(what, error);
  return notice(`${what}: ${error.sentence ?? error.message}`, "bad");
}
