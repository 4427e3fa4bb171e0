// The two flame graphs, side by side: one tree with the widths of before and of after. What is done to one is done to both.
"use strict";
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const ROW = 18, SMALLEST = 0.4;  // px: narrower frames are not drawn
  const CHARACTER = 7.22;  // px, of the 12 px monospaced font
  const panes = ["before", "after"].map((id) => document.getElementById(id));
  const details = document.getElementById("details"), query = document.getElementById("query");
  const unzoom = document.getElementById("unzoom"), modes = document.getElementById("modes");
  let mode = 0, zoomed = 0, pattern = null, depth = [], drawn = [new Map(), new Map()];

  const shown = () => DATA[mode];
  const nameOf = (i) => shown().names[shown().name[i]][0];
  const share = (value, of) => fixed(100 * value / (of || 1), 2) + "%";

  function change(before, after) {
    if (!before || !after) return after ? "new" : before ? "gone" : "-";
    return before === after ? "the same" : (after < before ? "-" : "+") + share(Math.abs(after - before), before);
  }
  function describe(i) {
    const graph = shown(), [before, after] = graph.total.map((side) => side[i]);
    const own = graph.own.map((side) => amount(side[i], graph.unit)), where = graph.names[graph.name[i]][1];
    const parts = [nameOf(i), amount(before, graph.unit) + " → " + amount(after, graph.unit) + " (" + change(before, after) + ")",
                   "self " + own[0] + " → " + own[1],
                   share(before, graph.total[0][0]) + " → " + share(after, graph.total[1][0]) + " of all"];
    return (where ? [...parts, where] : parts).join("  ·  ");
  }

  // ---- drawing ----
  function draw() {
    const graph = shown(), above = new Set();
    for (let i = zoomed; i; i = graph.parent[i]) above.add(graph.parent[i]);
    panes.forEach((pane, side) => drawPane(pane, side, above));
    unzoom.hidden = !zoomed;
  }
  function drawPane(pane, side, above) {
    const graph = shown(), left = graph.left[side], total = graph.total[side];
    const wide = pane.clientWidth, from = left[zoomed], span = total[zoomed], parts = [];
    let deepest = 0;
    drawn[side] = new Map();
    for (let i = 0; i < total.length; i++) {
      let x = (left[i] - from) / (span || 1), w = total[i] / (span || 1);
      if (above.has(i) || i === zoomed) [x, w] = [0, 1];
      else if (depth[i] <= depth[zoomed] || left[i] < from || left[i] + total[i] > from + span * (1 + 1e-9)) continue;
      if (!total[i] || w * wide < SMALLEST) continue;
      const box = document.createElement("div");
      box.className = "frame" + (above.has(i) ? " above" : "") + (pattern && i && pattern.test(nameOf(i)) ? " match" : "");
      box.style.left = x * wide + "px";
      box.style.width = w * wide + "px";
      box.style.top = depth[i] * ROW + "px";
      box.style.background = graph.fills[graph.fill[i]];
      if (w * wide < 8) box.style.padding = box.style.border = "0";
      box.textContent = fit(nameOf(i), Math.floor((w * wide - 7) / CHARACTER));
      box.dataset.frame = i;
      drawn[side].set(i, box);
      parts.push(box);
      deepest = Math.max(deepest, depth[i]);
    }
    pane.replaceChildren(...parts);
    pane.style.height = (deepest + 1) * ROW + "px";
    pane.previousElementSibling.lastElementChild.textContent =
      amount(total[0], graph.unit) + (span ? "" : "; nothing of what is zoomed");
  }

  // ---- what is done to both ----
  function near(i) {
    for (const side of drawn) for (const [frame, box] of side) box.classList.toggle("near", frame === i);
    details.textContent = describe(i === null ? zoomed : i);
  }
  const frameOf = (event) => event.target.dataset && event.target.dataset.frame !== undefined ? +event.target.dataset.frame : null;
  for (const pane of panes) {
    pane.addEventListener("mouseover", (event) => near(frameOf(event)));
    pane.addEventListener("mouseleave", () => near(null));
    pane.addEventListener("click", (event) => {
      const i = frameOf(event);
      if (i !== null) zoom(i);
    });
  }
  function zoom(i) {
    zoomed = i;
    draw();
    near(null);
  }
  function choose(number) {
    mode = number;
    zoomed = 0;
    const { parent } = shown();
    depth = new Array(parent.length).fill(0);
    for (let i = 1; i < parent.length; i++) depth[i] = depth[parent[i]] + 1;
    [...modes.children].forEach((button, i) => button.setAttribute("aria-pressed", i === mode));
    zoom(0);
  }
  function search(text) {
    try { pattern = text ? new RegExp(text, "i") : null; }
    catch { pattern = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
    draw();
  }
  DATA.forEach((graph, i) => {
    const button = document.createElement("button");
    button.textContent = graph.title;
    button.addEventListener("click", () => choose(i));
    modes.append(button);
  });
  query.addEventListener("input", () => search(query.value));
  unzoom.addEventListener("click", () => zoom(0));
  window.addEventListener("resize", draw);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      query.value = "";
      search("");
      zoom(0);
    } else if (event.key === "/" && document.activeElement !== query) {
      event.preventDefault();
      query.focus();
    }
  });
  if (DATA.length) choose(0);
})();
