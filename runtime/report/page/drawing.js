// The graph, drawn: nodes of a line are one box until it is opened, and so are neighbouring lines
// where there are very many. dagre finds the places, in a worker, so the page stays quick meanwhile.

const SVG = "http://www.w3.org/2000/svg";
const OPEN_BELOW = 40, MOST_DRAWN = 1500, MANY_LINES = 150, BLOCKS = 40, EDGES = 3, LEAST_SCALE = 0.72, CHARACTER = 7.3;

const WORK = `onmessage = (event) => {
  const { boxes, edges, clusters } = event.data;
  const g = new dagre.graphlib.Graph({ compound: true, multigraph: false });
  g.setGraph({ nodesep: 14, ranksep: 34, edgesep: 6, ranker: edges.length > 400 ? "longest-path" : "network-simplex" });
  g.setDefaultEdgeLabel(() => ({}));
  for (const c of clusters) g.setNode(c.key, {});
  for (const b of boxes) { g.setNode(b.key, { width: b.width, height: b.height }); if (b.cluster) g.setParent(b.key, b.cluster); }
  for (const [a, b] of edges) g.setEdge(a, b);
  dagre.layout(g);
  const place = (key) => { const { x, y, width, height } = g.node(key); return { x, y, width, height }; };
  postMessage({
    boxes: boxes.map((b) => place(b.key)), clusters: clusters.map((c) => place(c.key)),
    edges: edges.map(([a, b]) => g.edge(a, b).points), width: g.graph().width, height: g.graph().height,
  });
};`;

class Drawing {
  constructor() {
    this.root = document.getElementById("drawing");
    this.svg = this.root.querySelector("svg");
    this.stage = this.svg.querySelector("g");
    this.status = this.root.querySelector(".status");
    this.opened = new Set();
    this.view = { x: 0, y: 0, scale: 1 };
    this.svg.insertAdjacentHTML("afterbegin", '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>');
    this.choices();
    this.tools();
    this.pointer();
    marks.listeners.push(() => this.light());
  }

  choices() {
    const select = document.getElementById("inner");
    const counts = new Map();
    for (const node of nodes) counts.set(node.graph, (counts.get(node.graph) ?? 0) + 1);
    for (const [graph, count] of counts) {
      const user = nodes.find((node) => node.inner.includes(graph));
      const name = graph === 0 ? "whole graph" : `@${graph - 1} in ${user?.label ?? "a graph"}`;
      select.append(element("option", { value: graph }, `${name} (${count})`));
    }
    select.hidden = counts.size < 2;
    select.addEventListener("change", () => this.show(Number(select.value)));
    this.select = select;
  }

  tools() {
    const on = (id, act) => document.getElementById(id).addEventListener("click", act);
    on("expand", () => { this.openAll(); this.layOut(); });
    on("collapse", () => { this.opened.clear(); this.layOut(); });
    on("zoom-in", () => this.zoom(1.3));
    on("zoom-out", () => this.zoom(1 / 1.3));
    on("fit", () => this.fit());
  }

  show(graph) {
    this.graph = graph;
    this.select.value = graph;
    this.nodes = nodes.filter((node) => node.graph === graph);
    this.opened.clear();
    const lines = [...new Set(this.nodes.filter((node) => node.mark !== null).map((node) => node.mark >> 1))].sort((a, b) => a - b);
    this.block = lines.length > MANY_LINES ? Math.ceil(lines.length / BLOCKS) : 0;
    this.order = new Map(lines.map((line, i) => [line, i]));
    if (this.nodes.length <= OPEN_BELOW) this.openAll();
    this.layOut();
  }

  openAll() { for (const node of this.nodes) for (const group of this.groups(node)) this.opened.add(group); }

  // The groups that a node is in, the largest first: neighbouring lines, its line.
  groups(node) {
    if (node.kind !== "node" || node.mark === null) return [];
    const line = `line${node.mark}`;
    if (!this.block) return [line];
    return [`block${Math.floor(this.order.get(node.mark >> 1) / this.block)}.${node.mark % 2}`, line];
  }

  // The boxes to be drawn: single nodes, and groups that are closed.
  boxes() {
    const members = new Map();
    for (const node of this.nodes) {
      for (const group of this.groups(node)) members.has(group) ? members.get(group).push(node) : members.set(group, [node]);
    }
    const boxes = new Map(), clusters = new Map(), box = new Map();
    for (const node of this.nodes) {
      const groups = this.groups(node), line = groups.at(-1);
      const closed = groups.find((group) => members.get(group).length > 1 && !this.opened.has(group));
      const key = closed ?? `node${node.id}`;
      box.set(node.id, key);
      if (boxes.has(key)) continue;
      const within = closed === undefined && line !== undefined && members.get(line).length > 1 ? line : null;
      if (within) clusters.set(within, { key: within, mark: node.mark });
      boxes.set(key, { key, ...this.box(node, closed, members.get(closed)), nodes: (members.get(closed) ?? [node]).map((each) => each.id), closed: closed !== undefined, cluster: within, height: 38 });
    }
    const edges = new Map();
    for (const node of this.nodes) {
      for (const operand of node.operands) {
        const pair = [box.get(operand), box.get(node.id)];
        if (!pair[0] || pair[0] === pair[1]) continue;
        const edge = edges.get(pair.join(" "));
        if (edge) edge.count += 1;
        else edges.set(pair.join(" "), { pair, count: 1 });
      }
    }
    // Between groups of very many lines nearly all are connected: the strongest connections tell.
    const strongest = [...edges.values()].sort((a, b) => b.count - a.count);
    const kept = this.block ? strongest.slice(0, EDGES * boxes.size) : strongest;
    const hidden = strongest.length - kept.length;
    return { boxes: [...boxes.values()], edges: kept.map((edge) => edge.pair), clusters: [...clusters.values()], hidden };
  }

  // What a box shows, of a node or of the members of a group.
  box(node, group, members) {
    const line = node.mark === null ? null : data.lines[node.mark >> 1];
    let title = node.label, below = node.type, list = node.mark === null ? [] : [node.mark];
    if (group !== undefined) {
      title = clipped(line.text.trim() || line.place, 34);
      list = [...new Set(members.map((each) => each.mark))].sort((a, b) => a - b);
      const lines = list.length > 1 ? `lines ${markLabel(list)} – ${markLabel(list.slice(-1))}` : `line ${markLabel(list)}`;
      below = `${members.length} nodes · ${lines}`;
    }
    const width = Math.max(title.length * CHARACTER, below.length * CHARACTER * 0.84) + 22;
    return { title, below, width, marks: list, kind: node.kind, inner: group === undefined ? node.inner : [], place: line?.place ?? "" };
  }

  layOut() {
    const wanted = this.boxes();
    this.worker?.terminate();
    if (wanted.boxes.length > MOST_DRAWN) {
      this.status.textContent = `${wanted.boxes.length} boxes are too many to be drawn: open single lines`;
      this.opened = new Set(this.drawn);
      return;
    }
    this.drawn = new Set(this.opened);
    this.status.textContent = "finding places …";
    const text = `${document.getElementById("layout").textContent}\n${WORK}`;
    this.worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    this.worker.onmessage = (event) => {
      this.worker.terminate();
      this.draw(wanted, event.data);
      this.status.textContent = `${wanted.boxes.length} boxes, ${this.nodes.length} nodes${wanted.hidden ? `, without ${wanted.hidden} weak connections` : ""} · click a line to open it, drag or arrows to move, Ctrl + wheel or + − to zoom`;
      this.root.dataset.ready = String(wanted.boxes.length);
    };
    this.worker.onerror = (event) => { this.status.textContent = `no places found: ${event.message}`; };
    this.worker.postMessage({ boxes: wanted.boxes.map(({ key, width, height, cluster }) => ({ key, width, height, cluster })), edges: wanted.edges, clusters: wanted.clusters });
  }

  draw({ boxes, edges, clusters }, places) {
    const parts = [];
    clusters.forEach((cluster, i) => {
      const { x, y, width, height } = places.clusters[i], kind = kindOf([cluster.mark]);
      parts.push(`<g class="cluster ${kind}" data-close="${cluster.key}"><rect x="${x - width / 2}" y="${y - height / 2}" width="${width}" height="${height}" rx="8"/><text x="${x - width / 2 + 6}" y="${y - height / 2 - 4}">▾ line ${markLabel([cluster.mark])}</text></g>`);
    });
    edges.forEach(([from, to], i) => parts.push(`<path class="edge" data-from="${from}" data-to="${to}" d="${curve(places.edges[i])}"/>`));
    boxes.forEach((box, i) => {
      const { x, y, width, height } = places.boxes[i];
      const kind = `node ${box.marks.length ? kindOf(box.marks) : box.kind} ${box.closed ? "group" : ""}`;
      const left = x - width / 2, top = y - height / 2;
      const back = box.closed ? `<rect class="back" x="${left + 4}" y="${top + 4}" width="${width}" height="${height}" rx="6"/>` : "";
      const more = box.inner.length ? ` data-inner="${box.inner[0]}"` : "";
      const title = `${box.place}${box.closed ? "\nclick to open" : ""}${box.inner.length ? "\ndouble click to look inside" : ""}`;
      parts.push(`<g class="${kind}" id="${box.key}"${box.marks.length ? ` data-marks="${box.marks.join(" ")}"` : ""}${box.closed || box.kind === "output" ? "" : ` data-nodes="${box.nodes[0]}"`}${box.closed ? ` data-open="${box.key}"` : ""}${more}><title>${escaped(title)}</title>${back}<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="${box.kind === "node" ? 6 : 19}"/><text x="${x}" y="${y - 2}">${escaped(box.title)}</text><text class="small" x="${x}" y="${y + 12}">${escaped(box.below)}${box.inner.length ? " ▸" : ""}</text></g>`);
    });
    this.stage.innerHTML = parts.join("");
    this.size = { width: places.width, height: places.height };
    this.marked = boxes.map((box) => [document.getElementById(box.key), box.marks, box.nodes]);
    this.edges = [...this.stage.querySelectorAll(".edge")];
    this.fit(LEAST_SCALE);
    this.light();
  }

  light() {
    const lit = new Set();
    for (const [each, list, own] of this.marked ?? []) {
      const level = marks.level(list, own);
      each.classList.toggle("lit", level === "lit");
      each.classList.toggle("near", level === "near");
      if (level === "lit") lit.add(each.id);
    }
    for (const edge of this.edges ?? []) edge.classList.toggle("lit", lit.has(edge.dataset.from) || lit.has(edge.dataset.to));
    this.stage.classList.toggle("dim", lit.size > 0);
  }

  pointer() {
    let start = null, moved = false;
    this.root.addEventListener("pointerdown", (event) => {
      start = { x: event.clientX - this.view.x, y: event.clientY - this.view.y };
      moved = false;
    });
    window.addEventListener("pointermove", (event) => {
      if (!start) return;
      const x = event.clientX - start.x, y = event.clientY - start.y;
      moved ||= Math.hypot(x - this.view.x, y - this.view.y) > 3;
      if (moved) { Object.assign(this.view, { x, y }); this.root.classList.add("dragged"); this.place(); }
    });
    window.addEventListener("pointerup", () => { start = null; this.root.classList.remove("dragged"); });
    this.root.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = this.root.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    this.root.addEventListener("click", (event) => {
      const at = event.target.closest("[data-open], [data-close]");
      if (moved || !at) return;
      if (at.dataset.open) this.opened.add(at.dataset.open);
      else this.opened.delete(at.dataset.close);
      this.layOut();
    });
    this.root.addEventListener("dblclick", (event) => {
      const at = event.target.closest("[data-inner]");
      if (at) this.show(Number(at.dataset.inner));
    });
    this.root.addEventListener("keydown", (event) => this.press(event));
    listenTo(this.root, true);
  }

  // Arrows move the drawing, plus and minus zoom, 0 shows all of it.
  press(event) {
    const [x, y] = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key] ?? [0, 0];
    const act = { "+": () => this.zoom(1.3), "=": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), 0: () => this.fit() }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(x || y || act)) return;
    event.preventDefault();
    if (act) act();
    else { this.view.x += x; this.view.y += y; this.place(); }
  }

  zoom(factor, x = this.root.clientWidth / 2, y = this.root.clientHeight / 2) {
    const scale = Math.min(Math.max(this.view.scale * factor, 0.02), 4), real = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real };
    this.place();
  }

  // All of it in sight; or, at a scale that can be read at least, its upper part.
  fit(least = 0) {
    const { width, height } = this.size, room = { width: this.root.clientWidth - 40, height: this.root.clientHeight - 60 };
    const scale = Math.max(Math.min(room.width / width, room.height / height, 1.2), Math.min(least, room.width / width));
    const y = Math.max((this.root.clientHeight - 20 - height * scale) / 2, 20);
    this.view = { scale, x: (this.root.clientWidth - width * scale) / 2, y };
    this.place();
  }

  place() {
    this.stage.setAttribute("transform", `translate(${this.view.x} ${this.view.y}) scale(${this.view.scale})`);
  }
}

const clipped = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// A smooth line through points: corners are the control points of curves between the middles.
function curve(points) {
  const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const middle = { x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2 };
    path += ` Q${at(points[i])} ${at(i === points.length - 2 ? points[i + 1] : middle)}`;
  }
  return points.length === 2 ? `${path} L${at(points[1])}` : path;
}
