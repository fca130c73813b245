// Panes of text. Only the rows in sight are elements of the page, so texts may be long.

const ROW = 18, MARGIN = 20;

const WORDS = {
  python: /(#.*)|("[^"]*"|'[^']*')|\b(\d[\w.]*)|\b(def|return|for|in|if|else|elif|while|import|from|as|with|lambda|not|and|or|is|None|True|False|class)\b/g,
  graph: /(#.*)|("[^"]*")|(?<![%\w@])(-?\d[\w.+-]*)|\b(graph|return|kernel|group|loop|over|plan|reduce|store|load)\b|([%@]\d+|\bv\d+\b)/g,
  llvm: /(;.*)|("[^"]*")|(?<![%\w@.])(-?\d[\w.+-]*)|\b(define|declare|ret|br|phi|call|load|store|fadd|fmul|fsub|fdiv|icmp|fcmp|select|getelementptr|add|mul|sub|shufflevector|alloca)\b|([%@!][\w.]+)/g,
  asm: /(#.*|\/\/.*)|("[^"]*")|(\$-?\w+|(?<![%\w.])-?\d\w*)|^\s+([a-z]\w*)|(%\w+)/g,
};
WORDS.plan = WORDS.graph;
const CLASSES = ["c", "s", "n", "w", "v"];
const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

function coloured(text, kind) {
  let done = "", at = 0;
  for (const match of text.matchAll(WORDS[kind])) {
    const group = CLASSES.findIndex((_, i) => match[i + 1] !== undefined);
    const start = match.index + match[0].lastIndexOf(match[group + 1]);
    done += `${escaped(text.slice(at, start))}<span class="${CLASSES[group]}">${escaped(match[group + 1])}</span>`;
    at = start + match[group + 1].length;
  }
  return done + escaped(text.slice(at));
}

class Pane {
  constructor(root, kind, { whole = false, wide = false } = {}) {
    Object.assign(this, { root, kind, whole, wide, found: [], cursor: -1, shown: new Map() });
    root.querySelector("h2").append(this.makeFinder());
    this.view = root.appendChild(element("div", { class: "view", tabindex: "0" }));
    this.rows = this.view.appendChild(element("div", { class: "rows" }));
    this.map = root.appendChild(element("canvas", { class: "map" }));
    this.view.addEventListener("scroll", () => this.draw());
    this.view.addEventListener("keydown", (event) => this.move(event));
    new ResizeObserver(() => { this.draw(); this.drawMap(); }).observe(this.view);
    listenTo(this.view, wide);
    marks.listeners.push((from) => {
      if (from !== undefined && from !== this.view && (marks.lit.size || marks.nodes.size)) this.reveal();
      this.draw(true);
      this.drawMap();
    });
  }

  // `lines` are texts, `marked` the marks of each, `own` its nodes, `labels` what stands in front.
  set({ lines, marks: marked, nodes: own, labels, kind = this.kind }) {
    Object.assign(this, { lines, marked, own, labels, kind, cursor: -1 });
    const longest = lines.reduce((most, line) => Math.max(most, width(line)), 0);
    this.rows.style.height = `${lines.length * ROW + 8}px`;
    this.rows.style.width = `calc(${longest}ch + 74px)`;
    this.view.scrollTop = this.view.scrollLeft = 0;
    for (const row of this.shown.values()) row.remove();
    this.shown.clear();
    // Declarations and constants come first.
    const first = kind === "asm" ? marked.findIndex((list) => list.length) - 4 : lines.findIndex((line) => line.startsWith("define"));
    if (first > 0) this.view.scrollTop = first * ROW;
    this.find(this.finder.value, false);
  }

  level(number) { return marks.level(this.marked[number], this.own?.[number], this.whole); }

  draw(again = false) {
    const first = Math.max(0, Math.floor(this.view.scrollTop / ROW) - MARGIN);
    const last = Math.min(this.lines.length, Math.ceil((this.view.scrollTop + this.view.clientHeight) / ROW) + MARGIN);
    for (const [number, row] of this.shown) {
      if (number < first || number >= last) { row.remove(); this.shown.delete(number); }
    }
    for (let number = first; number < last; number++) {
      let row = this.shown.get(number);
      if (!row) {
        row = this.rows.appendChild(this.make(number));
        this.shown.set(number, row);
      } else if (!again) continue;
      const level = this.level(number);
      row.classList.toggle("lit", level === "lit");
      row.classList.toggle("near", level === "near");
      row.classList.toggle("found", this.needle !== "" && this.hits.has(number));
      row.classList.toggle("at", number === this.cursor);
    }
  }

  make(number) {
    const list = this.marked[number], own = this.own?.[number] ?? [];
    const row = element("div", { class: `row ${this.classOf(number)}` });
    if (list.length) { row.dataset.marks = list.join(" "); row.classList.add("marked"); }
    if (own.length) row.dataset.nodes = own.join(" ");
    row.style.top = `${number * ROW + 4}px`;
    row.innerHTML = `<span class="gutter">${escaped(this.labels(number))}</span><span>${coloured(this.lines[number], this.kind)}</span>`;
    return row;
  }

  classOf(number) { return kindOf(this.marked[number]); }

  // Scrolls to the first lit row, unless one is in sight.
  reveal() {
    const lit = this.lines.flatMap((_, i) => (this.level(i) === "lit" ? [i] : []));
    if (lit.length && !lit.some((i) => this.inSight(i))) this.scrollTo(lit[0]);
  }

  inSight(number) {
    const top = this.view.scrollTop;
    return number * ROW >= top && number * ROW <= top + this.view.clientHeight - ROW;
  }

  scrollTo(number) {
    if (!this.inSight(number)) this.view.scrollTop = Math.max(0, number * ROW - this.view.clientHeight / 3);
  }

  // -- keyboard: arrows go from line to line, Enter holds what a line lights

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "/") { event.preventDefault(); this.finder.focus(); }
    if (event.key === "Enter" && this.cursor >= 0) marks.hold(this.target(this.cursor), this.view);
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.goTo(Math.min(Math.max(this.cursor + step, 0), this.lines.length - 1));
  }

  goTo(number) {
    this.cursor = number;
    this.scrollTo(number);
    marks.point(this.target(number), this.view);
    this.draw(true);
  }

  target(number) { return { marks: this.marked[number], nodes: this.own?.[number] ?? [], wide: this.wide }; }

  // -- finding text: only what is in sight is on the page, so the browser's own search sees no more

  makeFinder() {
    this.needle = "";
    this.hits = new Set();
    this.finder = element("input", { type: "search", placeholder: "find", "aria-label": "find in this pane", spellcheck: "false" });
    this.count = element("small", { "aria-live": "polite" });
    this.finder.addEventListener("input", () => this.find(this.finder.value));
    this.finder.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.next(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") { this.finder.value = ""; this.find(""); this.view.focus(); event.stopPropagation(); }
    });
    return element("span", { class: "finder" }, this.count, this.finder);
  }

  find(text, go = true) {
    this.needle = text.trim().toLowerCase();
    this.found = this.needle ? this.lines.flatMap((line, i) => (line.toLowerCase().includes(this.needle) ? [i] : [])) : [];
    this.hits = new Set(this.found);
    this.place = -1;
    this.count.textContent = this.needle ? `0/${this.found.length}` : "";
    if (go && this.found.length) this.next(1);
    this.draw(true);
    this.drawMap();
  }

  next(step) {
    if (!this.found.length) return;
    this.place = (this.place + step + this.found.length) % this.found.length;
    this.count.textContent = `${this.place + 1}/${this.found.length}`;
    this.cursor = this.found[this.place];
    this.scrollTo(this.cursor);
    this.draw(true);
  }

  // Where the lit rows, and those found, are in the whole text.
  drawMap() {
    const { clientWidth: width, clientHeight: height } = this.map;
    Object.assign(this.map, { width, height });
    const context = this.map.getContext("2d"), style = getComputedStyle(document.documentElement);
    const scale = Math.min(height / (this.lines.length * ROW + 8), 1);
    const bar = (i, colour) => {
      context.fillStyle = style.getPropertyValue(colour);
      context.fillRect(1, i * ROW * scale, width - 2, Math.max(ROW * scale, 2));
    };
    for (const i of this.found) bar(i, "--found");
    this.lines.forEach((_, i) => {
      if (this.level(i) !== "lit") return;
      const lit = this.whole ? this.marked[i].find((m) => marks.lit.has(m)) : this.marked[i][0];
      bar(i, lit % 2 ? "--derivative" : "--function");
    });
  }
}

// How many characters wide a line is; a tab leads to the next eighth column.
const width = (line) => (line.includes("\t") ? [...line].reduce((at, c) => (c === "\t" ? at + 8 - (at % 8) : at + 1), 0) : line.length);

// The number of the Python line in front of what is made of it, with a prime for the derivative.
const lineNumber = (mark) => data.lines[mark >> 1].place.match(/:(\d+) \(/)?.[1] ?? "";
const markLabel = (list) => (list.length ? lineNumber(list[0]) + (list[0] % 2 ? "′" : "") : "");

function makePanes() {
  const python = new Pane(document.getElementById("pane-python"), "python", { whole: true });
  const rows = data.rows;
  python.classOf = (i) => (rows[i][1] === null ? "file" : rows[i][2] === null ? "" : "function");
  python.set({
    lines: rows.map((row) => row[0]),
    marks: rows.map((row) => (row[2] === null ? [] : bothOf(row[2]))),
    labels: (i) => (rows[i][1] === null ? "" : String(rows[i][1])),
  });
  const show = (pane, stage) => {
    // Of a graph before the one that is compiled only the lines are known.
    pane.whole = !stage.nodes.some((own) => own.length);
    pane.set({ ...stage, labels: (i) => markLabel(stage.marks[i]) });
  };
  for (const kind of ["llvm", "asm"]) {
    const root = document.getElementById(`pane-${kind}`), stage = data.stages.find((x) => x.kind === kind);
    const pane = new Pane(root, kind);
    root.querySelector("h2").firstChild.after(element("small", {}, stage.size));
    show(pane, stage);
  }
  const graphs = new Pane(document.getElementById("pane-graph"), "graph", { wide: true });
  const select = document.getElementById("stage");
  const stages = data.stages.filter((x) => x.kind === "graph" || x.kind === "plan");
  stages.forEach((x, i) => select.append(element("option", { value: i }, `${x.name} — ${x.size}`)));
  const lowered = stages.findIndex((x) => x.name.startsWith("lower_") || x.name === "hoist");
  const preferred = Math.max(0, (lowered < 0 ? stages.findIndex((x) => x.kind === "plan") : lowered) - 1);
  const choose = (i) => { select.value = i; show(graphs, stages[i]); };
  select.addEventListener("change", () => choose(Number(select.value)));
  choose(preferred);
  return (stage) => { const i = stages.indexOf(stage); if (i >= 0) choose(i); };
}
