"use strict";
// The page is whole without this. It adds a filter, a search and an order to
// the table of targets, and neither loads nor sends anything.
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const sheets = Array.from(table.tBodies); // the rows in parts: those off the screen are not laid out
  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const reason = document.getElementById("reason");
  const group = document.getElementById("group");
  const found = document.getElementById("found");
  const number = new Intl.NumberFormat("en-GB");

  const text = (node) => (node ? node.textContent : "");
  const rows = sheets.flatMap((sheet) => Array.from(sheet.rows)).map((row, at) => ({ row, at, state: row.className, shown: true }));

  const perSheet = sheets[0].rows.length;

  let height = 37; // pixels of a row, about

  // measure says how high a part that is not laid out will be.
  const measure = () => sheets.forEach((sheet, i) => {
    const n = rows.slice(i * perSheet, (i + 1) * perSheet).filter((r) => r.shown).length;
    sheet.style.containIntrinsicBlockSize = `${n * height}px`;
    sheet.hidden = n === 0;
  });

  // forget takes all parts off the screen. Those that come back into sight are
  // laid out anew, and only those.
  const forget = () => {
    const first = rows.find((r) => r.shown);
    if (first) height = first.row.offsetHeight;
    for (const sheet of sheets) sheet.hidden = true;
    void table.offsetHeight;
  };

  // read takes out of the document what is compared, once.
  let ready = false;
  const read = () => {
    if (ready) return;
    ready = true;
    for (const r of rows) {
      const name = r.row.cells[1];
      r.words = name.textContent.toLowerCase();
      r.reason = text(name.querySelector("p a"));
      r.group = text(name.querySelector("em"));
    }
  };

  const filter = () => {
    read();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = new Set(Array.from(form.querySelectorAll("[name=state]:checked"), (box) => box.value));
    const why = reason ? reason.value : "";
    const where = group ? group.value : "";
    const changed = [];
    let n = 0;
    for (const r of rows) {
      const shown = states.has(r.state) && (!why || r.reason === why) && (!where || r.group === where) &&
        words.every((word) => r.words.includes(word));
      if (shown) n++;
      if (shown !== r.shown) changed.push(r);
    }
    if (changed.length) {
      forget();
      for (const r of changed) r.row.hidden = !(r.shown = !r.shown);
      measure();
    }
    found.textContent = n === rows.length ? `${number.format(n)} shown` : `${number.format(n)} of ${number.format(rows.length)} shown`;
  };

  // Figures sort by their value, the rest as words; blanks come last.
  const order = { down: 0, degraded: 1, not_checked: 2, up: 3 };
  const keyOf = (r, column) => {
    if (column === 0) return order[r.state];
    if (column === 1) return r.words;
    const digits = r.row.cells[column].textContent.replace(/[≈,]/g, "");
    return digits === "" ? null : Number(digits);
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  const headings = table.tHead.rows[0].cells;
  const arrange = (heading, direction) => {
    forget();
    sheets.forEach((sheet, i) => sheet.append(...rows.slice(i * perSheet, (i + 1) * perSheet).map((r) => r.row)));
    measure();
    for (const th of headings) th.removeAttribute("aria-sort");
    if (heading) heading.setAttribute("aria-sort", direction);
  };

  const sort = (column, heading) => {
    read();
    // Names and states begin with the first, figures with the largest.
    const before = heading.getAttribute("aria-sort");
    const ascending = before ? before === "descending" : column < 2;
    for (const r of rows) r.key = keyOf(r, column);
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
      return (ascending ? compare(a.key, b.key) : compare(b.key, a.key)) || a.at - b.at;
    });
    arrange(heading, ascending ? "ascending" : "descending");
  };

  Array.from(headings).forEach((heading, column) => {
    if (heading.className === "axis") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(column, heading));
    heading.append(button);
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    rows.sort((a, b) => a.at - b.at);
    arrange(null);
    setTimeout(filter); // once the fields are empty
  });
  setTimeout(read); // once the page is there, and before the first key
  found.textContent = `${number.format(rows.length)} shown`;
  form.hidden = false;
})();
