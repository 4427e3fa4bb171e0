// The page: what is zoomed, pointed at, searched and selected, shown alike in every graph; the mouse and the keys.
"use strict";

const byId = (id) => document.getElementById(id);

const STATE = {
  zoom: 0,
  pointed: null,  // the frame under the mouse or the keys
  hits: null,  // by label: 1 where it is searched for or selected; null when nothing is
  query: "",
  selected: null,  // the label of a table's row
  flame: false,  // the root at the bottom
  stacked: false,
  graph: null,  // where the mouse or the keys are
};
const PAINT = {};
const GRAPHS = MEASURES.map((measure) => new Graph(measure));
const TABLES = [
  new Table("functions", "Functions", DATA.functions, DATA.sort),
  new Table("lines", "Lines", DATA.lines, DATA.sort),
].filter((table) => table.labels.length && table.columns.length);
const visible = () => GRAPHS.filter((graph) => graph.root.isConnected);

// ---- colours that styles decide ----

function readPaint() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["match", "matchText", "frameText", "mark", "soft", "strong", "sliver"])
    PAINT[name] = style.getPropertyValue("--" + name).trim();
  PAINT.dark = matchMedia("(prefers-color-scheme: dark)").matches;
}

// ---- the graphs ----

function redraw() {
  for (const graph of visible()) {
    graph.layout(STATE.zoom);
    graph.draw();
  }
}

// As many columns as are wide enough to read, and no row with a gap that need not be.
function arrange() {
  const shown = visible().length || 1, room = byId("graphs").clientWidth;
  const fits = STATE.stacked ? 1 : Math.max(1, Math.min(shown, Math.floor(room / 540)));
  const columns = Math.ceil(shown / Math.ceil(shown / fits));
  byId("graphs").style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  // All equally high, and as high as the whole needs, whatever is zoomed.
  visible().forEach((graph) => graph.layout(0));
  const rows = Math.max(6, ...visible().map((graph) => graph.rows));
  const lines = Math.ceil(shown / columns);
  const most = Math.max(10 * ROW, window.innerHeight * (lines > 1 ? 0.36 : 0.55));
  byId("graphs").style.setProperty("--rows", Math.round(Math.min(rows * ROW, most)) + "px");
  redraw();
}

function showMeasures(wanted) {
  byId("graphs").replaceChildren(...GRAPHS.filter((graph) => wanted.has(graph.measure.name)).map((g) => g.root));
  for (const chip of byId("measures").querySelectorAll("button"))
    chip.setAttribute("aria-pressed", wanted.has(chip.dataset.measure));
  arrange();
  visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  showHits();
}

function zoomTo(node) {
  STATE.zoom = node;
  redraw();
  visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  showCrumbs();
  remember();
}

// ---- the frame that is pointed at ----

function point(node, graph) {
  STATE.graph = graph || STATE.graph;
  if (node === STATE.pointed) return;
  STATE.pointed = node;
  for (const each of visible()) {
    each.drawMarks();
    each.read(node);
  }
  fillTip(node);
}

function fact(...cells) {
  return element("tr", {}, ...cells.map((cell, at) => element(at ? "td" : "th", {}, cell)));
}

// All that is known of a frame, from every mode.
function fillTip(node) {
  const tip = byId("tip");
  tip.hidden = node === null;
  if (node === null) return;
  const label = NODES.label[node];
  const rows = MEASURES.filter((measure) => measure.total[node]).map((measure) => {
    const dot = element("i", {class: "dot"}), {unit, total} = measure, self = node ? selfOf(measure, node) : 0;
    dot.style.background = measure.accent;
    return fact(element("span", {}, dot, measure.title), amount(total[node], unit), percent(total[node], total[0]),
                self ? amount(self, unit) + " self" : "");
  });
  const counts = NODES.counts.filter(({of}) => of[node]).map(({of, title, unit}) => title + " " + amount(of[node], unit));
  tip.replaceChildren(element("b", {}, LABELS.name[label]), element("small", {}, whereIs(label)),
                      element("table", {}, ...rows), element("small", {class: "counts"}, counts.join("  ·  ")));
}

// Below or above the point, inside the graph if that is wide enough: the marks in the others stay in sight.
function placeTip(x, y, graph) {
  const tip = byId("tip"), box = tip.getBoundingClientRect();
  const left = Math.min(x + 16, Math.max(graph.left, graph.right - box.width), window.innerWidth - box.width - 4);
  const top = y + 28 + box.height > window.innerHeight ? y - box.height - 24 : y + 28;
  tip.style.transform = `translate(${Math.max(4, Math.round(left))}px, ${Math.max(4, Math.round(top))}px)`;
}

// ---- search and selection: both say which labels are hit ----

function pattern(query) {
  try { return new RegExp(query, "i"); }
  catch { return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
}

function search(query) {
  STATE.query = query;
  STATE.selected = null;
  const words = query && pattern(query);
  STATE.hits = query ? Uint8Array.from(LABELS.name, (name) => (words.test(name) ? 1 : 0)) : null;
  showHits();
  remember();
}

function selectLabel(label) {
  STATE.query = byId("query").value = "";
  STATE.selected = label;
  STATE.hits = label === null ? null : new Uint8Array(LABELS.count);
  if (label !== null) STATE.hits[label] = 1;
  showHits();
  remember();
}

function showHits() {
  for (const graph of visible()) {
    graph.draw();
    graph.showMatches();
  }
  TABLES.forEach((table) => table.mark());
}

// ---- callers of the zoomed frame ----

const MOST_CRUMBS = 9;

function showCrumbs() {
  const path = pathTo(STATE.zoom), cut = path.length - MOST_CRUMBS;
  const shown = cut > 0 ? [0, ...path.slice(cut + 1)] : path;
  byId("crumbs").replaceChildren(...shown.map((node) => {
    const name = LABELS.name[NODES.label[node]];
    const button = element("button", {type: "button", title: name, "aria-current": node === STATE.zoom ? "true" : undefined},
                           fit(name, 40));
    button.addEventListener("click", () => zoomTo(node));
    const item = element("li", {}, button);
    if (cut > 0 && node === 0) item.className = "cut";
    return item;
  }));
}

// ---- the address remembers what is shown ----

function remember() {
  const parts = [];
  if (STATE.zoom) parts.push("zoom=" + STATE.zoom);
  if (STATE.query) parts.push("search=" + encodeURIComponent(STATE.query));
  try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* not allowed here: not needed */ }
}

function recall() {
  const wanted = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
  const node = Number(wanted.get("zoom") || 0);
  let query = wanted.get("search") || "";
  try { query = decodeURIComponent(query); } catch { /* as it stands */ }
  byId("query").value = query;
  STATE.zoom = Number.isInteger(node) && node > 0 && node < NODES.count ? node : 0;
  search(query);
  zoomTo(STATE.zoom);
}

function reset() {
  selectLabel(null);
  byId("query").blur();
  point(null);
  zoomTo(0);
}

// ---- keys ----

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
  const node = STATE.pointed === null ? STATE.zoom : move(key, graph);
  // A frame outside of the zoomed one cannot be seen: zoom out to it.
  if (!isBelow(node, graph.zoom) && !isBelow(graph.zoom, node)) zoomTo(NODES.parent[node]);
  point(node, graph);
  graph.scrollTo(node);
  const place = graph.place(node), box = graph.view.getBoundingClientRect();
  if (place) placeTip(box.left + Math.max(0, place.x), box.top + place.y, box);
}

function onKey(event) {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape") reset();
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

// ---- controls ----

function chip(measure) {
  const dot = element("i", {class: "dot"});
  dot.style.background = measure.accent;
  const button = element("button", {type: "button", class: "chip", "data-measure": measure.name,
                                    title: measure.mode + ": " + measure.title}, dot, measure.title);
  button.addEventListener("click", () => {
    const shown = new Set(visible().map((graph) => graph.measure.name));
    if (!shown.delete(measure.name)) shown.add(measure.name);
    showMeasures(shown);
  });
  return button;
}

function showTable(table) {
  byId("tables").querySelector(".table")?.remove();
  byId("tables").append(table.root);
  for (const tab of byId("tabs").children) tab.setAttribute("aria-selected", tab.dataset.table === table.name);
  table.show({});
}

function tab(table) {
  const button = element("button", {type: "button", role: "tab", "data-table": table.name}, table.title + " ",
                         element("span", {}, grouped(table.labels.length)));
  button.addEventListener("click", () => showTable(table));
  return button;
}

function toggle(id, change) {
  byId(id).addEventListener("click", () => {
    byId(id).setAttribute("aria-pressed", change());
    arrange();
    visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  });
}

function begin() {
  readPaint();
  byId("measures").append(...MEASURES.map(chip));
  byId("tabs").append(...TABLES.map(tab));
  GRAPHS.forEach(listen);
  toggle("flip", () => (STATE.flame = !STATE.flame));
  toggle("stack", () => (STATE.stacked = !STATE.stacked));
  byId("reset").addEventListener("click", reset);
  byId("query").addEventListener("input", () => search(byId("query").value));
  window.addEventListener("keydown", onKey);
  window.addEventListener("resize", arrange);
  window.addEventListener("hashchange", recall);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readPaint();
    redraw();
  });
  showMeasures(new Set(MEASURES.filter((measure) => measure.main).map((measure) => measure.name)));
  if (TABLES.length) showTable(TABLES[0]);
  recall();
}

begin();
