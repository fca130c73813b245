// Marks: twice the number of a line of Python, and one more for its derivative. Those that are lit
// are shown in every pane, table and picture; pointing at something lights its marks, a click holds.

const data = JSON.parse(document.getElementById("data").textContent);

const REST = 180;

const marks = {
  lit: new Set(),
  near: new Set(),
  held: null,
  listeners: [],
  show(list) {
    const next = new Set(list);
    if (next.size === this.lit.size && [...next].every((m) => this.lit.has(m))) return;
    this.lit = next;
    this.near = new Set([...next].map((m) => m ^ 1).filter((m) => !next.has(m)));
    for (const listener of this.listeners) listener();
  },
  // Pointing lights; resting there brings what is lit into sight everywhere else.
  point(list, from) {
    clearTimeout(this.resting);
    if (this.held !== null) return;
    this.show(list);
    if (list.length) this.resting = setTimeout(() => this.reveal(from), REST);
  },
  reveal(from) { for (const listener of this.listeners) listener(from ?? document.body); },
  hold(list, from) {
    this.held = list.length ? [...list] : null;
    clearTimeout(this.resting);
    this.show(list);
    this.reveal(from);
  },
  level(list) {
    if (list.some((m) => this.lit.has(m))) return "lit";
    return list.some((m) => this.near.has(m)) ? "near" : "";
  },
};

const marksOf = (element) => (element.dataset.marks ?? "").split(" ").filter(Boolean).map(Number);
const bothOf = (line) => [2 * line, 2 * line + 1];
const kindOf = (list) =>
  [list.some((m) => m % 2 === 0) && "function", list.some((m) => m % 2) && "derivative"].filter(Boolean).join(" ");

function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

// Lets pointing, clicking and the keyboard light what has marks within a part of the page.
function listenTo(root) {
  const found = (event) => event.target.closest?.("[data-marks]");
  root.addEventListener("pointerover", (event) => { const at = found(event); if (at) marks.point(marksOf(at), root); });
  root.addEventListener("pointerleave", () => marks.point([]));
  root.addEventListener("focusin", (event) => { const at = found(event); if (at) marks.point(marksOf(at), root); });
  root.addEventListener("click", (event) => { const at = found(event); if (at) marks.hold(marksOf(at), root); });
  root.addEventListener("keydown", (event) => {
    const at = found(event);
    if (at && event.key === "Enter") marks.hold(marksOf(at), root);
  });
}

// Keeps the classes of elements that stay on the page in step with what is lit.
function keepLit(root) {
  const marked = [...root.querySelectorAll("[data-marks]")].map((each) => [each, marksOf(each)]);
  let shown = [];
  marks.listeners.push(() => {
    for (const each of shown) each.classList.remove("lit", "near");
    shown = [];
    for (const [each, list] of marked) {
      const level = marks.level(list);
      if (level) { each.classList.add(level); shown.push(each); }
    }
  });
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") marks.hold([]); });
