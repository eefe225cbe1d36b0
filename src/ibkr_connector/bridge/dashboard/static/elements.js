// Elements of the page. Whatever came from outside becomes text, never markup: nothing here reads
// HTML, and the policy of the page forbids it besides.

export const byId = (id) => document.getElementById(id);

/** Make an element: attributes by name, `on...` listeners, then children (text or elements). */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== ""));
  return made;
}

/** Set text where it differs, so that nothing is announced or selected anew for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, isShown) {
  element.hidden = !isShown;
}

/** Radio buttons as one strip; `choices` are pairs of value and label. */
export function fillChoices(fieldset, name, { choices, chosen, onChoice }) {
  for (const [value, label] of choices) {
    const input = h("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => onChoice(value));
    fieldset.append(h("label", {}, input, h("span", {}, label)));
  }
}

let made = 0;
export const freshId = (stem) => `${stem}-${++made}`;
