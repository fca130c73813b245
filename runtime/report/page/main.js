// Puts the page together.

const THEMES = ["light", "dark"];
const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.dataset.theme = preferred;
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = THEMES[1 - THEMES.indexOf(root.dataset.theme)];
  for (const listener of marks.listeners) listener();
});

makeFacts();
const choose = makePanes();
makeLines();
makeStages(choose);
for (const id of ["fusion", "memory"]) {
  listenTo(document.getElementById(id));
  keepLit(document.getElementById(id));
}
new Drawing().show(0);
