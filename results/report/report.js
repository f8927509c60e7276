"use strict";
// Makes the report's tables sortable and filterable. Without this script they are plain tables.
(() => {
  const missing = ["–", ""];
  const letters = new Intl.Collator("en");
  const digits = /(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?/;
  const number = (text) => Number(text.replaceAll(",", "").replaceAll("−", "-"));

  // The number a cell starts with ("0.86 ± 0.02", "1,234", "23/24", "+0.01 [...]", "<0.0001"), and -1 or 1 where the
  // cell says that it is less or more than that; null where it starts with none.
  const start = new RegExp(`^([<>]?) ?([+−-]?${digits.source}(?:e[+−-]?\\d+)?)(?![\\p{L}\\d]|[.,]\\d)`, "u");
  const leading = (text) => {
    const found = start.exec(text);
    return found ? [number(found[2]), { "<": -1, ">": 1 }[found[1]] ?? 0] : null;
  };

  // Words by letters, the numbers in them by their size: "s2" before "s10", and "0.15" before "0.2".
  const natural = (one, other) => {
    const pieces = new RegExp(`${digits.source}|\\D+`, "g");
    const [a, b] = [one, other].map((text) => text.match(pieces) ?? []);
    for (let place = 0; place < Math.min(a.length, b.length); place++) {
      const [first, second] = [a[place], b[place]];
      const both = /^\d/.test(first) && /^\d/.test(second);
      const found = both ? number(first) - number(second) : letters.compare(first, second);
      if (found) return found;
    }
    return a.length - b.length;
  };
  const cell = (row, place) => row.cells[place].textContent.trim();

  // Whether a column is one of numbers: those of words only if they are numbers throughout.
  const numeric = (texts, words) => {
    const found = texts.map(leading);
    return words ? found.every((value) => value !== null) : found.some((value) => value !== null);
  };

  // The rows by one column; what has no number among numbers comes after them, what is undefined last.
  const order = (rows, place, direction, words) => {
    const known = rows.filter((row) => !missing.includes(cell(row, place)));
    const unknown = rows.filter((row) => missing.includes(cell(row, place)));
    const numbers = numeric(known.map((row) => cell(row, place)), words);
    const compare = (a, b) => {
      const [one, other] = [a, b].map((row) => cell(row, place));
      const [x, y] = numbers ? [leading(one), leading(other)] : [null, null];
      if (!x !== !y) return x ? -1 : 1;
      return direction * (x ? x[0] - y[0] || x[1] - y[1] || natural(one, other) : natural(one, other));
    };
    return [...known.sort(compare), ...unknown];
  };

  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        body.append(...order([...body.rows], place, direction, head.classList.contains("word")));
      });
    });
  };

  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text + " ", control);
    return label;
  };

  // A menu for a column of words that has a few of them.
  const menu = (table, place, changed) => {
    const values = [...new Set([...table.tBodies[0].rows].map((row) => cell(row, place)))].sort(natural);
    if (values.length < 2 || values.length > 60) return null;
    const select = document.createElement("select");
    select.append(new Option("all", ""), ...values.map((value) => new Option(value, "=" + value)));
    select.addEventListener("change", changed);
    return { place, select };
  };

  const filterable = (table, region) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 4) return;
    const bar = document.createElement("div");
    bar.className = "filter";
    bar.setAttribute("role", "search");
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "words, e.g. med-nca noise";
    const count = document.createElement("output");
    const changed = () => {
      const terms = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = [...row.cells].map((c) => c.textContent).join(" ").toLowerCase();
        const chosen = menus.every((m) => !m.select.value || "=" + cell(row, m.place) === m.select.value);
        row.hidden = !(chosen && terms.every((term) => text.includes(term)));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };
    const menus = [];
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const found = head.classList.contains("word") ? menu(table, place, changed) : null;
      if (found) {
        menus.push(found);
        bar.append(labelled(head.textContent, found.select));
      }
    });
    input.addEventListener("input", changed);
    bar.append(labelled("Filter", input), count);
    region.before(bar);
    changed();
  };

  for (const region of document.querySelectorAll("section.table .scroll")) {
    const table = region.querySelector("table");
    filterable(table, region);
    sortable(table);
  }
})();
