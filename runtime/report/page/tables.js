// The table of lines, which sorts by any column, and that of stages.

const COLUMNS = { time: "time", flops: "operations", moved: "bytes moved", kept: "bytes kept", adjoint: "largest adjoint", nodes: "nodes", derivative: "adjoint nodes" };
const WITH_BAR = new Set(["time", "flops", "moved", "kept"]);

function makeFacts() {
  const list = document.getElementById("facts");
  for (const [name, value] of data.facts) {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
}

function makeLines() {
  const table = document.querySelector("#lines table");
  const names = Object.keys(COLUMNS).filter((name) => name in data.other.cells);
  const most = Object.fromEntries(names.map((name) => [name, Math.max(...data.lines.map((x) => x.cells[name][0]), 0)]));
  const head = element("tr", {}, element("th", { class: "text" }, "line"), element("th", { class: "text" }, ""));
  for (const name of names) head.append(element("th", { "data-column": name }, COLUMNS[name]));
  const body = element("tbody");
  const rows = data.lines.map((line, i) => {
    const row = element("tr", { tabindex: "0", "data-marks": bothOf(i).join(" ") });
    row.append(...cells(line, names, most));
    return row;
  });
  const sort = (name) => {
    const key = (i) => (name === null ? -i : data.lines[i].cells[name][0]);
    const order = rows.map((_, i) => i).sort((a, b) => key(b) - key(a));
    body.append(...order.map((i) => rows[i]));
    for (const th of head.children) {
      th.removeAttribute("aria-sort");
      if (th === (name === null ? head.firstChild : head.querySelector(`[data-column="${name}"]`))) th.setAttribute("aria-sort", name === null ? "ascending" : "descending");
    }
  };
  head.addEventListener("click", (event) => {
    const th = event.target.closest("th");
    if (th) sort(th.dataset.column ?? null);
  });
  const foot = element("tfoot", {}, element("tr"));
  foot.firstChild.append(...cells(data.other, names, most));
  table.append(element("thead", {}, head), body);
  if (names.some((name) => data.other.cells[name][0] > 0)) table.append(foot);
  sort(null);
  listenTo(body);
  keepLit(body, true);
}

function cells(line, names, most) {
  const code = element("td", { class: "text" }, element("code", {}, line.text.trim()));
  return [element("td", { class: "text place" }, line.place), code].concat(names.map((name) => {
    const [value, text] = line.cells[name];
    const cell = element("td", {}, text);
    if (WITH_BAR.has(name) && most[name] > 0) {
      const bar = element("b");
      bar.style.width = `${(100 * value) / most[name]}%`;
      cell.className = "bar";
      cell.append(element("i", {}, bar));
    }
    return cell;
  }));
}

function makeStages(choose) {
  const table = document.querySelector("#stages table");
  const most = Math.max(...data.stages.map((stage) => stage.seconds), 1e-9);
  const body = element("tbody");
  for (const stage of data.stages) {
    const share = element("span", { class: "share" });
    share.style.width = `${(96 * stage.seconds) / most}%`;
    const row = element("tr", { tabindex: "0" }, element("td", { class: "text" }, stage.name), element("td", {}, stage.size), element("td", {}, stage.time), element("td", {}, share));
    const show = () => { choose(stage); document.getElementById("code").scrollIntoView(); };
    row.addEventListener("click", show);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") show(); });
    body.append(row);
  }
  const head = ["pass", "makes", "time", ""].map((name, i) => element("th", { class: i ? "" : "text" }, name));
  table.append(element("thead", {}, element("tr", {}, ...head)), body);
}
