// Tables whose rows stay the same elements while their contents change: the keyboard stays where it
// is, and a screen reader is not sent back. Roles are said outright, because narrow screens show
// rows as small cards, which takes the meaning of a table from it in some browsers.

import { h, setText, show } from "./elements.js";

/**
 * Make a table.
 *
 * `columns` are `{ name, label, kind, text(item), tone(item), fill(cell, item), acts(item) }`:
 * `text` returns what a cell says, `fill` sets a cell itself, `make(item)` fills it once.
 */
export function makeTable(holder, { caption, columns, keyOf, none, className = "", scrolls = false }) {
  const head = h("tr", { role: "row" }, columns.map((one) =>
    h("th", { role: "columnheader", scope: "col", class: one.kind ?? "" }, one.label || h("span", { class: "sr" }, one.hiddenLabel ?? ""))));
  const body = h("tbody", { role: "rowgroup" });
  const table = h("table", { role: "table", class: `rows ${className}` },
    h("caption", { class: "sr" }, caption), h("thead", { role: "rowgroup" }, head), body);
  const empty = h("p", { class: "none" }, none);
  const box = scrolls ? h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption }, table) : table;
  holder.append(box, empty);
  const rows = new Map();

  function rowOf(item) {
    const row = h("tr", { role: "row" });
    for (const column of columns) {
      const cell = h("td", { role: "cell", class: column.kind ?? "", "data-label": column.label });
      column.make?.(cell, item);
      row.append(cell);
    }
    return row;
  }

  function update(item) {
    const key = keyOf(item);
    const row = rows.get(key) ?? rowOf(item);
    rows.set(key, row);
    columns.forEach((column, at) => {
      const cell = row.children[at];
      if (column.fill) column.fill(cell, item);
      else if (column.text) setText(cell, column.text(item));
      if (column.tone) cell.className = `${column.kind ?? ""} ${column.tone(item)}`;
    });
    return row;
  }

  return {
    table,
    /** Show these items, in this order. */
    set(items) {
      const wanted = new Set(items.map(keyOf));
      for (const [key, row] of rows) {
        if (!wanted.has(key)) {
          row.remove();
          rows.delete(key);
        }
      }
      items.forEach((item, at) => {
        const row = update(item);
        if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
      });
      show(box, items.length > 0);
      show(empty, items.length === 0);
    },
    update,
    rowOf: (key) => rows.get(key),
    setNone: (text) => setText(empty, text),
  };
}

/** A cell of two lines: what it says, and something smaller below. */
export function twoLines(cell, above, below) {
  if (!cell.firstChild) cell.append(document.createTextNode(""), h("small"));
  if (cell.firstChild.data !== above) cell.firstChild.data = above;
  setText(cell.lastChild, below);
}
