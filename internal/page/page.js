"use strict";
// The page is whole without this. It adds a filter, a search and an order to
// the table of targets, and neither loads nor sends anything.
(() => {
  const started = document.getElementById("started");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && zone !== "UTC") {
    const here = new Date(started.dateTime).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
    started.after(` (${here} in ${zone.replaceAll("_", " ")})`);
  }

  const table = document.getElementById("rows");
  if (!table) return;
  const sheets = Array.from(table.tBodies); // the rows in parts: those off the screen are not laid out
  const form = document.getElementById("filter"); // null on a page of few targets
  const field = (id) => document.getElementById(id) || { value: "" };
  const [search, reason, group] = ["search", "reason", "group"].map(field);
  const found = document.getElementById("found");
  const legend = document.getElementById("legend");
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

  const figure = (cell) => {
    const digits = cell.textContent.replace(/[≈,]/g, "");
    return digits === "" ? null : Number(digits);
  };

  // read takes out of the document what is compared, once.
  let ready = false;
  const read = () => {
    if (ready) return;
    ready = true;
    for (const r of rows) {
      const { cells } = r.row;
      r.words = cells[1].textContent.toLowerCase();
      r.reason = text(cells[1].querySelector("p a"));
      r.group = text(cells[1].querySelector("em"));
      r.took = cells[3].textContent ? [5, 6, 7, 8, 9].reduce((sum, i) => sum + (figure(cells[i]) || 0), 0) : null; // milliseconds
    }
  };

  // The columns as the page's address names them. The waterfall has no order.
  const columns = ["state", "name", "status", "duration", "", "dns", "connect", "tls", "firstByte", "transfer", "days"];
  let sorted = null; // { column, ascending }

  // The bars' scale is the page's. In the order of durations it is that of the
  // longest shown, as there all the longest ones stand together.
  const page = Number(table.dataset.scale);
  const axis = table.tHead.querySelectorAll("text");
  const ticks = Array.from(axis, text);
  const units = (ms) => (ms < 1000 ? `${+ms.toFixed(1)} ms` : `${+(ms / 1000).toFixed(1)} s`);
  let scale = page;
  const rescale = () => {
    let wanted = page;
    if (sorted && columns[sorted.column] === "duration") {
      const longest = rows.reduce((most, r) => (r.shown && r.took > most ? r.took : most), 0) || page;
      const unit = 10 ** Math.floor(Math.log10(longest));
      wanted = unit * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * unit >= longest);
    }
    if (wanted === scale) return;
    scale = wanted;
    table.style.setProperty("--zoom", page / scale);
    for (const r of rows) r.row.cells[4].classList.toggle("over", r.took > scale);
    axis.forEach((mark, i) => { mark.textContent = scale === page ? ticks[i] : i ? units(scale * i / 2) : "0"; });
  };

  const states = () => Array.from(form.querySelectorAll("[name=state]"));

  // remember writes what is chosen into the page's address.
  const remember = () => {
    const chosen = new URLSearchParams();
    if (form) {
      const on = states().filter((box) => box.checked);
      if (on.length < states().length) chosen.set("state", on.map((box) => box.value).join());
      for (const [key, input] of [["reason", reason], ["group", group], ["find", search]]) if (input.value) chosen.set(key, input.value);
    }
    if (sorted) chosen.set("sort", (sorted.ascending ? "" : "-") + columns[sorted.column]);
    const hash = String(chosen);
    if (hash || location.hash.includes("=")) history.replaceState(null, "", `#${hash || "targets"}`);
  };

  const filter = () => {
    read();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(states().filter((box) => box.checked).map((box) => box.value));
    const changed = [];
    let n = 0;
    for (const r of rows) {
      const shown = on.has(r.state) && (!reason.value || r.reason === reason.value) && (!group.value || r.group === group.value) &&
        words.every((word) => r.words.includes(word));
      if (shown) n++;
      if (shown !== r.shown) changed.push(r);
    }
    if (changed.length) {
      forget();
      for (const r of changed) r.row.hidden = !(r.shown = !r.shown);
      measure();
      rescale();
    }
    count(n);
  };

  const count = (n) => {
    const left = Number(legend.dataset.left || 0);
    found.textContent = (n === rows.length ? `${number.format(n)} shown` : `${number.format(n)} of ${number.format(rows.length)} shown`) +
      (left ? `; ${number.format(left)} more${"up" in legend.dataset ? ", all up," : ""} are not in this page` : "");
  };

  // Figures sort by their value, the rest as words; blanks come last.
  const order = { down: 0, degraded: 1, not_checked: 2, up: 3 };
  const keyOf = (r, column) => {
    if (column === 0) return order[r.state];
    if (column === 1) return r.words;
    return column === 3 ? r.took : figure(r.row.cells[column]);
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  const headings = table.tHead.rows[0].cells;
  const arrange = () => {
    forget();
    sheets.forEach((sheet, i) => sheet.append(...rows.slice(i * perSheet, (i + 1) * perSheet).map((r) => r.row)));
    measure();
    for (const th of headings) th.removeAttribute("aria-sort");
    if (sorted) headings[sorted.column].setAttribute("aria-sort", sorted.ascending ? "ascending" : "descending");
    rescale();
  };

  const sort = (column, ascending) => {
    read();
    sorted = { column, ascending };
    for (const r of rows) r.key = keyOf(r, column);
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
      return (ascending ? compare(a.key, b.key) : compare(b.key, a.key)) || a.at - b.at;
    });
    arrange();
  };

  const unsort = () => {
    sorted = null;
    rows.sort((a, b) => a.at - b.at);
    arrange();
  };

  // recall chooses what the page's address says.
  const recall = () => {
    if (!location.hash.includes("=")) return;
    const chosen = new URLSearchParams(location.hash.slice(1));
    if (form) {
      const on = chosen.get("state");
      for (const box of states()) box.checked = on === null || on.split(",").includes(box.value);
      for (const [key, input] of [["reason", reason], ["group", group], ["find", search]]) input.value = chosen.get(key) || "";
      filter();
    }
    const [, down, name] = /^(-?)(.+)$/.exec(chosen.get("sort") || "") || [];
    const column = columns.indexOf(name);
    if (column >= 0) sort(column, !down);
    else if (sorted) unsort();
    document.getElementById("targets").scrollIntoView();
  };

  Array.from(headings).forEach((heading, column) => {
    if (!columns[column]) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => {
      // Names and states begin with the first, figures with the largest.
      sort(column, sorted && sorted.column === column ? !sorted.ascending : column < 2);
      remember();
    });
    heading.append(button);
  });
  if (form) {
    form.addEventListener("input", () => {
      filter();
      remember();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => {
      unsort();
      setTimeout(() => { // once the fields are empty
        filter();
        remember();
      });
    });
    for (const more of document.querySelectorAll("[data-find]")) more.hash = more.dataset.find;
    count(rows.length);
    form.hidden = false;
  }
  addEventListener("hashchange", recall);
  setTimeout(() => { // once the page is there, and before the first key
    read();
    recall();
  });
})();
