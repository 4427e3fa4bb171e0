// The keys, and the mouse in a graph.
"use strict";

// The next sibling, before or after, that has something of the measure.
function sibling(measure, node, step) {
  const {parent, end} = NODES, beside = [];
  if (!node) return node;
  for (let i = parent[node] + 1; i < end[parent[node]]; i = end[i]) if (measure.total[i]) beside.push(i);
  return beside[beside.indexOf(node) + step] ?? node;
}

function widestChild(measure, node) {
  let widest = node, most = 0;
  for (let i = node + 1; i < NODES.end[node]; i = NODES.end[i])
    if (measure.total[i] > most) [widest, most] = [i, measure.total[i]];
  return widest;
}

function move(key, graph) {
  const from = STATE.pointed ?? STATE.zoom, {measure} = graph;
  if (key === "ArrowLeft" || key === "ArrowRight") return sibling(measure, from, key === "ArrowLeft" ? -1 : 1);
  const outwards = (key === "ArrowUp") !== STATE.flame;
  return outwards ? NODES.parent[from] : widestChild(measure, from);
}

function moveBy(key, graph) {
  reveal(STATE.pointed === null ? STATE.zoom : move(key, graph), graph);
}

// Points at a frame, wherever it is.
function reveal(node, graph) {
  // A frame outside of the zoomed one cannot be seen: zoom out to it.
  if (!isBelow(node, graph.zoom) && !isBelow(graph.zoom, node)) zoomTo(NODES.parent[node]);
  point(node, graph);
  graph.scrollTo(node);
  const place = graph.place(node), box = graph.view.getBoundingClientRect();
  if (place) placeTip(box.left + Math.max(0, place.x), box.top + place.y, box);
}

function onKey(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "Escape") {
    if (!closeMenus()) reset();
  } else if (event.key === "Enter" && event.target === byId("query")) stepThrough(event.shiftKey ? -1 : 1);
  else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "/") byId("query").select();
  else if (!onGraphKey(event)) return;
  event.preventDefault();
}

// Elsewhere than in a graph, arrows scroll the page as ever.
function onGraphKey(event) {
  const inside = event.target instanceof Element && event.target.closest(".view");
  const graph = inside ? visible().find((each) => each.view === inside) : STATE.graph;
  if (!graph || (!inside && event.target !== document.body)) return false;
  if (event.key.startsWith("Arrow")) moveBy(event.key, graph);
  else if (event.key === "Enter" && STATE.pointed !== null) zoomTo(STATE.pointed);
  else if (event.key === "Backspace") zoomTo(NODES.parent[STATE.zoom]);
  else return false;
  return true;
}

// ---- the mouse ----

function listen(graph) {
  const {view} = graph;
  view.addEventListener("mousemove", (event) => {
    const box = view.getBoundingClientRect();
    point(graph.frameAt(event.clientX - box.left, event.clientY - box.top), graph);
    if (STATE.pointed !== null) placeTip(event.clientX, event.clientY, box);
  });
  view.addEventListener("mouseleave", () => {
    point(null);
    STATE.graph = null;
  });
  view.addEventListener("click", () => {
    if (STATE.pointed !== null) zoomTo(STATE.pointed);
  });
  view.addEventListener("scroll", () => graph.draw());
  graph.fold.addEventListener("click", () => {
    graph.collapsed = !graph.collapsed;
    graph.root.classList.toggle("collapsed", graph.collapsed);
    graph.fold.setAttribute("aria-expanded", !graph.collapsed);
    redraw();
  });
  // The reader may drag a graph's lower edge.
  new ResizeObserver(() => {
    if (view.clientWidth !== graph.width || view.clientHeight !== graph.height) {
      graph.layout(STATE.zoom);
      graph.draw();
    }
  }).observe(view);
}
