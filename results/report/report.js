"use strict";
// Makes the report's tables sortable and filterable. Without this script they are plain tables.
(() => {
  const missing = "–";
  const words = new Intl.Collator("en", { numeric: true });

  // The number a cell starts with ("0.86 ± 0.02", "1,234", "23/24", "+0.01 [...]"); null where it has none.
  const leading = (text) => {
    const found = /^[+−-]?\d[\d,]*(?:\.\d+)?/.exec(text);
    return found ? Number(found[0].replaceAll(",", "").replace("−", "-")) : null;
  };
  const cell = (row, place) => row.cells[place].textContent.trim();

  const order = (rows, place, direction) => {
    const known = rows.filter((row) => cell(row, place) !== missing);
    const unknown = rows.filter((row) => cell(row, place) === missing);
    const numeric = known.every((row) => leading(cell(row, place)) !== null);
    const compare = numeric
      ? (a, b) => leading(cell(a, place)) - leading(cell(b, place))
      : (a, b) => words.compare(cell(a, place), cell(b, place));
    return [...known.sort((a, b) => direction * compare(a, b)), ...unknown];
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
        body.append(...order([...body.rows], place, direction));
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
    const values = [...new Set([...table.tBodies[0].rows].map((row) => cell(row, place)))].sort(words.compare);
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
