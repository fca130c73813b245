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
  constructor(root, kind) {
    this.kind = kind;
    this.view = root.appendChild(element("div", { class: "view", tabindex: "0" }));
    this.rows = this.view.appendChild(element("div", { class: "rows" }));
    this.map = root.appendChild(element("canvas", { class: "map" }));
    this.shown = new Map();
    this.view.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => { this.draw(); this.drawMap(); }).observe(this.view);
    listenTo(this.view);
    marks.listeners.push((from) => {
      if (from !== undefined && from !== this.view && marks.lit.size) this.reveal();
      this.draw(true);
      this.drawMap();
    });
  }

  // `lines` are texts, `marked` the marks of each, `labels` what stands in front.
  set(lines, marked, labels, kind = this.kind) {
    Object.assign(this, { lines, marked, labels, kind });
    const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
    this.rows.style.height = `${lines.length * ROW + 8}px`;
    this.rows.style.width = `calc(${longest}ch + 74px)`;
    this.view.scrollTop = this.view.scrollLeft = 0;
    for (const row of this.shown.values()) row.remove();
    this.shown.clear();
    const first = lines.findIndex((line) => line.startsWith("define"));
    if (first > 0) this.view.scrollTop = first * ROW;
    this.draw();
    this.drawMap();
  }

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
      const level = marks.level(this.marked[number]);
      row.classList.toggle("lit", level === "lit");
      row.classList.toggle("near", level === "near");
    }
  }

  make(number) {
    const list = this.marked[number];
    const row = element("div", { class: `row ${this.classOf(number)}` });
    if (list.length) { row.dataset.marks = list.join(" "); row.classList.add("marked"); }
    row.style.top = `${number * ROW + 4}px`;
    row.innerHTML = `<span class="gutter">${escaped(this.labels(number))}</span><span>${coloured(this.lines[number], this.kind)}</span>`;
    return row;
  }

  classOf(number) { return kindOf(this.marked[number]); }

  // Scrolls to the first lit row, unless one is in sight.
  reveal() {
    const top = this.view.scrollTop, bottom = top + this.view.clientHeight - ROW;
    const places = this.marked.flatMap((list, i) => (marks.level(list) === "lit" ? [i * ROW] : []));
    if (places.length && !places.some((y) => y >= top && y <= bottom)) {
      this.view.scrollTop = Math.max(0, places[0] - this.view.clientHeight / 3);
    }
  }

  // Where the lit rows are in the whole text.
  drawMap() {
    const { clientWidth: width, clientHeight: height } = this.map;
    Object.assign(this.map, { width, height });
    const context = this.map.getContext("2d"), style = getComputedStyle(document.documentElement);
    const scale = Math.min(height / (this.lines.length * ROW + 8), 1);
    this.marked.forEach((list, i) => {
      const lit = list.filter((m) => marks.lit.has(m));
      if (!lit.length) return;
      context.fillStyle = style.getPropertyValue(lit[0] % 2 ? "--derivative" : "--function");
      context.fillRect(1, i * ROW * scale, width - 2, Math.max(ROW * scale, 2));
    });
  }
}

// The number of the Python line in front of what is made of it, with a prime for the derivative.
const lineNumber = (mark) => data.lines[mark >> 1].place.match(/:(\d+) \(/)?.[1] ?? "";
const markLabel = (list) => (list.length ? lineNumber(list[0]) + (list[0] % 2 ? "′" : "") : "");

function makePanes() {
  const python = new Pane(document.getElementById("pane-python"), "python");
  const rows = data.rows;
  python.classOf = (i) => (rows[i][1] === null ? "file" : rows[i][2] === null ? "" : "function");
  python.set(
    rows.map((row) => row[0]),
    rows.map((row) => (row[2] === null ? [] : bothOf(row[2]))),
    (i) => (rows[i][1] === null ? "" : String(rows[i][1])),
  );
  const show = (pane, stage) => pane.set(stage.lines, stage.marks, (i) => markLabel(stage.marks[i]), stage.kind);
  for (const kind of ["llvm", "asm"]) {
    const root = document.getElementById(`pane-${kind}`), stage = data.stages.find((x) => x.kind === kind);
    root.querySelector("h2").append(element("small", {}, stage.size));
    show(new Pane(root, kind), stage);
  }
  const graphs = new Pane(document.getElementById("pane-graph"), "graph");
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
