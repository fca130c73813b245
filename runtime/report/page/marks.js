// Marks: twice the number of a line of Python, and one more for its derivative. Those that are lit
// are shown in every pane, table and picture; pointing at something lights its marks, a click holds.
// What is made of certain nodes of the graph lights these, and no others of their lines.

const data = JSON.parse(document.getElementById("data").textContent);

const REST = 180;

const nodes = data.nodes.map(([label, type, operands, mark, graph, inner, kind, primal], id) => ({ id, label, type, operands, mark, graph, inner, kind, primal, derived: [] }));
for (const node of nodes) {
  // Of a second derivative both are what it is derived from.
  for (let from = node.primal; from !== null; from = nodes[from].primal) nodes[from].derived.push(node.id);
}

function relatives(list) {
  const found = new Set();
  for (const id of list) {
    for (const other of nodes[id].derived) found.add(other);
    for (let from = nodes[id].primal; from !== null; from = nodes[from].primal) found.add(from);
  }
  return found;
}

const NOTHING = { marks: [], nodes: [] };
const key = (target) => `${target.marks} ${target.nodes}`;

const marks = {
  lit: new Set(),
  near: new Set(),
  nodes: new Set(),
  nearNodes: new Set(),
  shown: key(NOTHING),
  held: null,
  listeners: [],
  // A target has marks, and nodes if it is no whole line; a `wide` one lights what is derived, too.
  show(target) {
    if (key(target) === this.shown) return;
    this.shown = key(target);
    this.nodes = new Set(target.nodes);
    if (target.wide) for (const id of target.nodes) for (const other of nodes[id].derived) this.nodes.add(other);
    this.nearNodes = relatives(target.nodes);
    const list = target.nodes.length ? target.nodes.map((id) => nodes[id].mark).filter((m) => m !== null) : target.marks;
    this.lit = new Set(list);
    this.near = new Set(target.nodes.length ? [] : list.map((m) => m ^ 1).filter((m) => !this.lit.has(m)));
    for (const listener of this.listeners) listener();
  },
  // Pointing lights; resting there brings what is lit into sight everywhere else.
  point(target, from) {
    clearTimeout(this.resting);
    if (this.held !== null) return;
    this.show(target);
    if (target !== NOTHING) this.resting = setTimeout(() => this.reveal(from), REST);
  },
  reveal(from) { for (const listener of this.listeners) listener(from ?? document.body); },
  hold(target, from) {
    this.held = target === NOTHING ? null : target;
    clearTimeout(this.resting);
    this.show(target);
    this.reveal(from);
  },
  // How something is shown: lit, near or not at all; `whole` if it stands for a line, not for nodes.
  level(list, own = [], whole = false) {
    if (!this.nodes.size || whole) {
      if (list.some((m) => this.lit.has(m))) return "lit";
      return list.some((m) => this.near.has(m)) ? "near" : "";
    }
    if (own.some((id) => this.nodes.has(id))) return "lit";
    return own.some((id) => this.nearNodes.has(id)) ? "near" : "";
  },
};

const numbers = (text) => (text ?? "").split(" ").filter(Boolean).map(Number);
const marksOf = (element) => numbers(element.dataset.marks);
const nodesOf = (element) => numbers(element.dataset.nodes);
const bothOf = (line) => [2 * line, 2 * line + 1];
const kindOf = (list) =>
  [list.some((m) => m % 2 === 0) && "function", list.some((m) => m % 2) && "derivative"].filter(Boolean).join(" ");

function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

// What comes under a pointer that rests, as something scrolls, is not pointed at.
let last = null;
window.addEventListener("pointermove", (event) => { last = event; }, true);
const rests = (event) => event.clientX === last?.clientX && event.clientY === last?.clientY;

// Lets pointing, clicking and the keyboard light what has marks within a part of the page.
function listenTo(root, wide = false) {
  const found = (event) => {
    const at = event.target.closest?.("[data-marks], [data-nodes]");
    return at && { marks: marksOf(at), nodes: nodesOf(at), wide };
  };
  const point = (event) => { const at = found(event); if (at) marks.point(at, root); };
  root.addEventListener("focusin", point);
  root.addEventListener("pointerover", (event) => { if (!rests(event)) point(event); });
  root.addEventListener("pointerleave", (event) => { if (!rests(event)) marks.point(NOTHING); });
  root.addEventListener("click", (event) => { const at = found(event); if (at) marks.hold(at, root); });
  root.addEventListener("keydown", (event) => {
    const at = found(event);
    if (at && event.key === "Enter") marks.hold(at, root);
  });
}

// Keeps the classes of elements that stay on the page in step with what is lit.
function keepLit(root, whole = false) {
  const marked = [...root.querySelectorAll("[data-marks], [data-nodes]")].map((each) => [each, marksOf(each), nodesOf(each)]);
  let shown = [];
  marks.listeners.push(() => {
    for (const each of shown) each.classList.remove("lit", "near");
    shown = [];
    for (const [each, list, own] of marked) {
      const level = marks.level(list, own, whole);
      if (level) { each.classList.add(level); shown.push(each); }
    }
  });
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") marks.hold(NOTHING); });
