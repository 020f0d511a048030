// SPDX-License-Identifier: Apache-2.0
// The page can be read without this. It adds: the UARTs side by side, search, filters, excerpts.
// It makes elements only from text, and holds no value of a run.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const later = (action, wait) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(action, wait); };
  };

  // The UARTs -----------------------------------------------------------------------------------
  // A column is one RSE: the lines of its transcripts, bench after bench. A row holds at most one
  // line of each; lines that came within WINDOW seconds begin in the same row.
  const WINDOW = 0.025, LATER = 0.25, HEIGHT = 19, TALLEST = 12e6, PREFIX = 12;
  const grid = byId("uart-grid"), rowsElement = byId("uart-rows"), query = byId("uart-query");
  const columns = [], starts = new Map(), stageLines = new Set(), bootLines = new Set();
  let shown = [], rows = 0, cells = [], mixed = false, hits = [], hit = -1, needle = "", here = null, built = false;

  function readColumns() {
    for (const details of document.querySelectorAll("details.transcript")) {
      const rse = Number(details.dataset.rse);
      let column = columns.find((one) => one.rse === rse);
      if (!column) columns.push(column = { rse, texts: [], times: [], keys: [], on: true });
      starts.set(details.id, { column, first: column.texts.length, session: Number(details.dataset.session) });
    }
    columns.sort((a, b) => a.rse - b.rse);
    const inOrder = [...starts].sort((a, b) => a[1].session - b[1].session);
    for (const [key, place] of inOrder) {
      const { column } = place;
      place.first = column.texts.length;
      column.keys.push([place.first, key]);
      let gap = -1, left = "";
      for (const block of byId(key).querySelectorAll("pre.block")) {
        if (block.dataset.gap !== undefined) { gap = Number(block.dataset.gap); left = block.dataset.left; }
        let last = column.times.length ? column.times[column.times.length - 1] : 0;
        for (const line of block.textContent.split("\n")) {
          const at = parseFloat(line.slice(0, 10));
          if (!Number.isNaN(at)) last = at;
          column.times.push(last);
          column.texts.push(line.slice(PREFIX));
        }
      }
      if (gap >= 0) column.gap = { line: place.first + gap, left };
    }
    for (const link of document.querySelectorAll("td.line a[data-at]")) stageLines.add(link.dataset.at);
    for (const link of document.querySelectorAll("table tr.first th a[data-at]")) bootLines.add(link.dataset.at);
  }

  const keyOf = (column, line) => {
    let found = column.keys[0];
    for (const pair of column.keys) if (pair[0] <= line) found = pair;
    return `${found[1]}-${line - found[0]}`;
  };

  function layOut() {
    shown = columns.filter((column) => column.on);
    const total = shown.reduce((sum, column) => sum + column.texts.length, 0);
    const next = shown.map(() => 0);
    for (const column of shown) column.row = new Int32Array(column.texts.length);
    cells = mixed ? [new Int32Array(total), new Int32Array(total)] : shown.map(() => []);
    rows = 0;
    for (;;) {
      let begin = Infinity, first = -1;
      shown.forEach((column, c) => {
        if (next[c] < column.times.length && column.times[next[c]] < begin) { begin = column.times[next[c]]; first = c; }
      });
      if (first < 0) break;
      if (mixed) {
        const column = shown[first], end = begin + WINDOW / 10;
        do { cells[0][rows] = first; cells[1][rows] = next[first]; column.row[next[first]++] = rows++; }
        while (next[first] < column.times.length && column.times[next[first]] < end);
        continue;
      }
      let most = 0;
      shown.forEach((column, c) => {
        let row = rows;
        while (next[c] < column.times.length && column.times[next[c]] < begin + WINDOW) {
          cells[c][row] = next[c];
          column.row[next[c]++] = row++;
        }
        most = Math.max(most, row - rows);
      });
      rows += most;
    }
    const heads = byId("uart-heads");
    heads.replaceChildren(make("span", "", "seconds"), ...(mixed ? [make("span", "", "all RSEs")] : shown.map((column) => make("span", "", `RSE ${column.rse}`))));
    byId("viewer").style.setProperty("--columns", mixed ? 1 : Math.max(1, shown.length));
    byId("uart-all").style.height = `${Math.min(rows * HEIGHT, TALLEST)}px`;
    grid.setAttribute("aria-rowcount", rows);
    paint();
  }

  const lineAt = (row, c) => {
    if (mixed) return cells[0][row] === c ? cells[1][row] : undefined;
    return cells[c][row];
  };
  const timeOf = (row) => {
    for (let c = 0; c < shown.length; c++) {
      const line = lineAt(row, c);
      if (line !== undefined) return shown[c].times[line];
    }
    return undefined;
  };
  // Beyond what a browser can make tall, the scroll bar moves in larger steps.
  const stretch = () => Math.max(1, (rows * HEIGHT - grid.clientHeight) / Math.max(1, Math.min(rows * HEIGHT, TALLEST) - grid.clientHeight));
  const firstRow = () => Math.floor(grid.scrollTop * stretch() / HEIGHT);

  function marked(element, text) {
    const low = needle ? text.toLowerCase() : "";
    let from = 0, at = needle ? low.indexOf(needle) : -1;
    while (at >= 0 && from < 2000) {
      element.append(text.slice(from, at), make("mark", "", text.slice(at, at + needle.length)));
      from = at + needle.length;
      at = low.indexOf(needle, from);
    }
    element.append(text.slice(from));
  }

  function cellOf(column, line, c, row) {
    const cell = make("span");
    cell.setAttribute("role", "gridcell");
    if (line === undefined) return cell;
    const text = column.texts[line], key = keyOf(column, line);
    const level = /^\[(ERR|WRN|HIL)/.exec(text) || /(FATAL|FAILED)/.exec(text);
    cell.className = (stageLines.has(key) ? "stage-line " : "") + (level ? { WRN: "wrn", HIL: "hil" }[level[1]] || "err" : "");
    if (column.gap && column.gap.line === line) { cell.classList.add("cut"); cell.append(`(${column.gap.left} left out) `); }
    if (mixed) cell.append(make("span", "who-cell", `${column.rse} │ `));
    marked(cell, text);
    if (here && here.column === column && here.line === line) { cell.classList.add("here"); cell.id = "uart-here"; }
    cell.dataset.c = c; cell.dataset.row = row;
    return cell;
  }

  function paint() {
    const top = firstRow(), count = Math.ceil(grid.clientHeight / HEIGHT) + 2, parts = [];
    for (let row = Math.max(0, top); row < Math.min(rows, top + count); row++) {
      const at = timeOf(row), before = row > 0 ? timeOf(row - 1) : undefined, element = make("div", "row");
      element.setAttribute("role", "row"); element.setAttribute("aria-rowindex", row + 1);
      const gap = before !== undefined && at !== undefined ? at - before : 0;
      const when = make("span", "when", at === undefined || (at === before && row > top) ? "" : at.toFixed(4));
      if (gap >= LATER) { element.classList.add("later"); when.title = `${gap.toFixed(2)} s of silence`; }
      when.setAttribute("role", "rowheader");
      element.append(when);
      shown.forEach((column, c) => {
        const line = lineAt(row, c);
        if (mixed && line === undefined) return;
        if (line !== undefined && bootLines.has(keyOf(column, line))) element.classList.add("boot-row");
        element.append(cellOf(column, line, c, row));
      });
      parts.push(element);
    }
    rowsElement.replaceChildren(...parts);
    rowsElement.style.transform = `translateY(${grid.scrollTop - (grid.scrollTop * stretch() % HEIGHT)}px)`;
    if (byId("uart-here")) grid.setAttribute("aria-activedescendant", "uart-here"); else grid.removeAttribute("aria-activedescendant");
  }

  function show(column, line, middle) {
    if (!column.on) { column.on = true; toggles(); layOut(); }
    here = { column, line };
    const row = column.row[line], top = firstRow(), count = Math.floor(grid.clientHeight / HEIGHT);
    if (middle || row < top || row >= top + count) grid.scrollTop = Math.max(0, (row - Math.floor(count / 3)) * HEIGHT / stretch());
    const key = keyOf(column, line), place = starts.get(key.slice(0, key.lastIndexOf("-")));
    byId("uart-line").textContent = `RSE ${column.rse}, line ${line - place.first + 1}, ${column.times[line].toFixed(4)} s\n${column.texts[line]}`;
    paint();
  }

  function jump(at) {
    build();
    const dash = at.lastIndexOf("-"), place = starts.get(at.slice(0, dash));
    if (!place) return false;
    const line = place.first + Number(at.slice(dash + 1));
    if (!(line < place.column.texts.length)) return false;
    byId("uart").scrollIntoView({ behavior: "instant" });
    show(place.column, line, true);
    grid.focus({ preventScroll: true });
    return true;
  }

  function search() {
    build();
    needle = query.value.toLowerCase();
    hits = [];
    if (needle) {
      for (const column of shown) column.texts.forEach((text, line) => { if (text.toLowerCase().includes(needle)) hits.push([column.row[line], column, line]); });
      hits.sort((a, b) => a[0] - b[0]);
    }
    hit = -1;
    byId("uart-hits").textContent = needle ? (hits.length ? `${hits.length} lines` : "none") : "";
    if (hits.length) step(1); else paint();
  }
  function step(by) {
    if (!hits.length) return;
    hit = (hit + by + hits.length) % hits.length;
    byId("uart-hits").textContent = `${hit + 1} of ${hits.length}`;
    show(hits[hit][1], hits[hit][2], true);
  }

  function move(rowsBy, columnsBy) {
    if (!rows || !shown.length) return;
    let c = here ? shown.indexOf(here.column) : 0, row = here ? here.column.row[here.line] : firstRow();
    if (c < 0) c = 0;
    if (columnsBy && !mixed) c = Math.min(shown.length - 1, Math.max(0, c + columnsBy));
    const to = Math.min(rows - 1, Math.max(0, row + rowsBy)), way = rowsBy < 0 ? -1 : 1;
    // The next row in which this RSE says something, or the last one; moving sideways, the nearest above.
    for (const by of columnsBy ? [-1, 1] : [way, -way]) {
      for (let r = columnsBy ? row : to; r >= 0 && r < rows; r += by) {
        const column = mixed ? cells[0][r] : c, line = lineAt(r, column);
        if (line !== undefined) { show(shown[column], line, false); return; }
      }
    }
  }
  const page = () => Math.max(1, Math.floor(grid.clientHeight / HEIGHT) - 2);
  const KEYS = {
    ArrowDown: () => move(1, 0), ArrowUp: () => move(-1, 0), ArrowRight: () => move(0, 1), ArrowLeft: () => move(0, -1),
    PageDown: () => move(page(), 0), PageUp: () => move(-page(), 0), Home: () => { here = null; grid.scrollTop = 0; move(0, 0); }, End: () => move(rows, 0),
    n: () => step(1), p: () => step(-1), "/": () => query.focus(),
  };

  function toggles() {
    byId("uart-rses").replaceChildren(...(columns.length < 2 ? [] : columns.map((column) => {
      const label = make("label"), box = make("input");
      box.type = "checkbox"; box.checked = column.on;
      box.addEventListener("change", () => { column.on = box.checked; again(); });
      label.append(box, ` RSE ${column.rse}`);
      return label;
    })));
  }
  function again() { const kept = here; layOut(); if (needle) search(); if (kept && kept.column.on) show(kept.column, kept.line, true); }

  function build() {
    if (built) return;
    built = true;
    readColumns();
    toggles();
    mixed = byId("uart-mixed").checked = matchMedia("(max-width: 46rem)").matches && columns.length > 1;
    layOut();
  }

  if (document.querySelector("details.transcript")) {
    byId("viewer").hidden = false;
    let waiting = false;
    grid.addEventListener("scroll", () => {
      if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; paint(); }); }
    }, { passive: true });
    grid.addEventListener("keydown", (event) => {
      const action = KEYS[event.key];
      if (action && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); build(); action(); }
    });
    grid.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-c]");
      if (cell) { const c = Number(cell.dataset.c); show(shown[c], lineAt(Number(cell.dataset.row), c), false); }
    });
    query.addEventListener("input", later(search, 120));
    query.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
    });
    byId("uart-next").addEventListener("click", () => step(1));
    byId("uart-back").addEventListener("click", () => step(-1));
    byId("uart-mixed").addEventListener("change", (event) => { build(); mixed = event.target.checked; again(); });
    byId("uart-boots").addEventListener("change", (event) => { if (event.target.value) jump(event.target.value); event.target.value = ""; });
    new ResizeObserver(() => { if (built) paint(); }).observe(grid);
    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); build(); }
    }, { rootMargin: "600px" }).observe(byId("viewer"));
  }

  // Links ---------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (jump(link.dataset.at)) { event.preventDefault(); history.pushState(null, "", `#L=${link.dataset.at}`); }
  });
  function follow() {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("L=")) { jump(hash.slice(2)); return; }
    const target = hash && byId(hash);
    if (!target) return;
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
      if (element.hidden) element.hidden = false;
    }
    target.scrollIntoView({ behavior: "instant" });
    const summary = target.tagName === "DETAILS" && target.querySelector("summary");
    if (summary) summary.focus({ preventScroll: true });
  }
  addEventListener("hashchange", follow);

  // Tests ---------------------------------------------------------------------------------------
  const TAIL = 40;
  document.addEventListener("toggle", (event) => {
    const test = event.target;
    if (!test.open || !test.matches("details.test") || test.dataset.filled) return;
    test.dataset.filled = "yes";
    const images = document.querySelector("#images table");
    const outputs = make("div", "outputs");
    if (!test.querySelector("figure")) for (const span of (test.dataset.uart || "").split(" ").filter(Boolean)) {
      const [key, first, end] = span.split("-");
      build();
      const place = starts.get(key);
      if (!place) continue;
      const from = Math.max(Number(first), Number(end) - TAIL);
      const figure = make("figure", "output"), caption = make("figcaption", "", `RSE ${place.column.rse}, ${from > Number(first) ? `last ${TAIL} lines of` : "lines"} ${Number(first) + 1} to ${end}`);
      const pre = make("pre", "", place.column.texts.slice(place.first + from, place.first + Number(end)).map((text, n) => `${place.column.times[place.first + from + n].toFixed(4).padStart(10)}  ${text}`).join("\n"));
      pre.tabIndex = 0;
      figure.append(caption, pre);
      outputs.append(figure);
    }
    test.append(outputs);
    const rse = /rse(\d+)\]/.exec(test.querySelector("summary").textContent);
    if (images) {
      const copy = images.cloneNode(true), scroll = make("div", "scroll");
      for (const row of copy.querySelectorAll("tbody tr")) if (rse && row.dataset.rses && !row.dataset.rses.split(" ").includes(rse[1])) row.remove();
      scroll.tabIndex = 0; scroll.setAttribute("role", "region"); scroll.setAttribute("aria-label", "images of this test");
      const folded = make("details");
      folded.append(make("summary", "", "Images with their hashes"), scroll);
      scroll.append(copy);
      test.append(folded);
    }
  }, true);

  const bar = byId("test-bar"), tests = [...document.querySelectorAll("details.test")];
  if (tests.length) {
    bar.hidden = false;
    const groups = [...document.querySelectorAll("details.group")].map((element) => ({ element, open: element.open, count: 0 }));
    const known = new Map(groups.map((group) => [group.element, group]));
    const facts = tests.map((element) => ({
      element, status: element.dataset.status, group: known.get(element.closest("details.group")),
      text: null,
    }));
    const textOf = (fact) => fact.text ??= `${fact.group.element.querySelector("summary code").textContent}::${fact.element.querySelector(".id").textContent} ${fact.element.querySelector("dd")?.textContent || ""}`.toLowerCase();
    const wanted = byId("test-query");
    const filter = () => {
      const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
      const on = new Set([...bar.querySelectorAll("input:checked")].map((box) => box.value));
      const all = !words.length && on.size === bar.querySelectorAll("input[type=checkbox]").length;
      for (const group of groups) group.count = 0;
      let count = 0;
      for (const fact of facts) {
        const fits = on.has(fact.status) && words.every((word) => textOf(fact).includes(word));
        if (fact.element.hidden === fits) fact.element.hidden = !fits;
        if (fits) { count++; fact.group.count++; }
      }
      for (const group of groups) {
        group.element.hidden = !group.count;
        group.element.open = all ? group.open : group.count > 0 && group.count <= 2000;
      }
      byId("test-count").textContent = all ? "" : `${count} of ${facts.length}`;
    };
    wanted.addEventListener("input", later(filter, 120));
    bar.addEventListener("change", filter);
  }

  addEventListener("beforeprint", () => { for (const element of document.querySelectorAll("#failures details")) element.open = true; });
  if (location.hash) follow();
  document.documentElement.dataset.ready = "yes";
})();
