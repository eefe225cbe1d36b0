// Dialogs: the browser's own, which keep the keyboard inside and give it back afterwards.

import { freshId, h } from "./elements.js";

/** Show a dialog; `fill(body, acts, close)` puts in what it is about. Returns its element. */
export function openDialog(title, fill) {
  const id = freshId("dialog");
  const body = h("div", { class: "dialog" }, h("h2", { id }, title));
  const dialog = h("dialog", { "aria-labelledby": id }, body);
  const acts = h("div", { class: "dialog-acts" });
  fill(body, acts, () => dialog.close());
  body.append(acts);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask for a yes. With `word`, that has to be typed first. */
export function confirm({ title, text, yes, no = "Keep it as it is", isDangerous = false, word = "", fields = [] }) {
  return new Promise((decide) => {
    let isYes = false;
    const dialog = openDialog(title, (body, acts, close) => {
      const act = h("button", { type: "submit", class: `button ${isDangerous ? "stop" : "primary"}` }, yes);
      const form = h("form", { method: "dialog", class: "dialog", novalidate: true });
      body.append(...[text].flat().map((one) => (one instanceof Node ? one : h("p", {}, one))), ...fields);
      if (word) {
        const id = freshId("word");
        const input = h("input", { id, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
        act.disabled = true;
        input.addEventListener("input", () => { act.disabled = input.value.trim() !== word; });
        body.append(h("div", { class: "field" }, h("label", { for: id }, `Type ${word} to confirm`), input));
      }
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (act.disabled) return;
        isYes = true;
        close();
      });
      const id = freshId("form");
      form.id = id;
      form.hidden = true;
      act.setAttribute("form", id);
      for (const input of body.querySelectorAll("input")) input.setAttribute("form", id);
      body.append(form);
      acts.append(h("button", { type: "button", class: "button", onclick: close }, no), act);
    });
    dialog.addEventListener("close", () => decide(isYes));
  });
}
