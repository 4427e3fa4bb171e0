// The page: what is zoomed, pointed at, searched and selected, shown alike in every graph.
"use strict";

const byId = (id) => document.getElementById(id);

const STATE = {
  zoom: 0,
  pointed: null,  // the frame under the mouse or the keys
  hits: null,  // by label: 1 where it is searched for or selected; null when nothing is
  steps: [],  // the frames that are hit, and which of them was last gone to
  step: -1,
  query: "",
  selected: null,  // the label of a table's row
  callers: null,  // {label} while callers are shown, of all functions where that is null
  of: null,  // by recorded context, its frame in the tree that is shown, or that callers are of
  flame: false,  // the root at the bottom
  stacked: false,
  graph: null,  // where the mouse or the keys are
};
const PAINT = {};
// What the page opens on comes first.
const GRAPHS = [...MEASURES].sort((a, b) => (b.name === DATA.opens) - (a.name === DATA.opens))
  .map((measure) => new Graph(measure));
const TABLES = [
  new Table("functions", "Functions", DATA.functions, DATA.sort),
  new Table("lines", "Lines", DATA.lines, DATA.sort),
].filter((table) => table.labels.length && table.columns.length);
const SOURCE = new Source(TABLES.find((table) => table.name === "lines"));
const PANELS = [...TABLES, SOURCE].filter((panel) => panel.labels.length);
const visible = () => GRAPHS.filter((graph) => graph.root.isConnected);
const USUAL = usualFolds();

// ---- colours that styles decide ----

function readPaint() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["match", "matchText", "frameText", "mark", "soft", "strong", "sliver"])
    PAINT[name] = style.getPropertyValue("--" + name).trim();
  PAINT.dark = matchMedia("(prefers-color-scheme: dark)").matches;
}

// ---- which tree ----

// Nothing is folded where nothing would be left: no function of the user's own has a figure, or imports are most of it.
function usualFolds() {
  const {count, label, values} = RECORDED, sums = {};
  const amounts = values.length ? values[0].own : [];
  for (let i = 1; i < count; i++) {
    const group = LABELS.kind[label[i]] === "gc" ? "gc" : groupOf(label[i]);
    sums[group] = (sums[group] || 0) + (amounts[i] || 0);
  }
  const own = Array.from(label).some((each, i) => i && !groupOf(each) && LABELS.kind[each] !== "gc");
  const whole = Object.values(sums).reduce((all, sum) => all + sum, 0);
  return {library: !own, standard: !own, imports: !own || 2 * (sums.imports || 0) > whole, idle: false};
}

// A recorded context that is in a frame.
const recordedOf = (node) => (STATE.callers ? 0 : Math.max(0, STATE.of.indexOf(node)));

// Shows the tree that is asked for, zoomed to the frame that a recorded context is in.
function showTree(recorded) {
  const folded = foldedTree();
  let tree = folded;
  useTree(folded);
  for (const measure of MEASURES) measure.whole = measure.total[0];
  if (STATE.callers) {
    tree = callersTree(folded, STATE.callers.label);
    if (tree.count === 1 && STATE.callers.label !== null)  // a folded function
      tree = callersTree({...SHOWN, values: valuesWithoutIdle()}, STATE.callers.label);
    useTree(tree);
  }
  Object.assign(STATE, {of: folded.of, zoom: STATE.callers ? 0 : folded.of[recorded], pointed: null});
  byId("tip").hidden = true;
  showControls();
  arrange();
  zoomed();
  findSteps();
  visible().forEach((graph) => graph.showMatches());
  for (const table of TABLES) if (table.root.isConnected) table.show({});
}

// The function that callers are asked of: the selected one, the zoomed one, or all.
function toggleCallers() {
  const label = STATE.selected ?? (STATE.zoom ? NODES.label[STATE.zoom] : null);
  const recorded = recordedOf(STATE.zoom);
  STATE.callers = STATE.callers ? null : {label: label !== null && LABELS.kind[label] !== "line" ? label : null};
  showTree(recorded);
}

// ---- the graphs ----

function redraw() {
  for (const graph of visible()) {
    graph.layout(STATE.zoom);
    graph.draw();
  }
}

// As many columns as are wide enough to read; each graph as high as what is in it, one below the other.
function arrange() {
  const shown = visible(), room = byId("graphs").clientWidth;
  const fits = STATE.stacked ? 1 : Math.max(1, Math.min(shown.length, Math.floor(room / 540)));
  const columns = Math.ceil(shown.length / Math.ceil(shown.length / fits)) || 1;
  if (columns !== byId("graphs").children.length || shown.some((graph, at) => !inColumn(graph, at % columns))) {
    const made = Array.from({length: columns}, () => element("div", {class: "column"}));
    shown.forEach((graph, at) => made[at % columns].append(graph.root));
    byId("graphs").replaceChildren(...made);
  }
  const most = Math.max(10 * ROW, window.innerHeight * (shown.length > columns ? 0.42 : 0.6));
  shown.forEach((graph) => graph.fitHeight(most));
  redraw();
}

const inColumn = (graph, at) => graph.root.parentNode === byId("graphs").children[at];

function chooseMeasures(wanted) {
  const shown = GRAPHS.filter((graph) => wanted.has(graph.measure.name));
  byId("graphs").replaceChildren(...shown.map((graph) => graph.root));
  for (const chip of document.querySelectorAll("#toolbar .chip"))
    chip.setAttribute("aria-pressed", wanted.has(chip.dataset.measure));
}

function showMeasures(wanted) {
  chooseMeasures(wanted);
  arrange();
  visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  findSteps();
  showHits();
}

function zoomTo(node) {
  STATE.zoom = node;
  redraw();
  zoomed();
}

function zoomed() {
  visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  showCrumbs();
  remember();
}

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

function reset() {
  selectLabel(null);
  byId("query").blur();
  point(null);
  if (TIMELINE && TIMELINE.range) TIMELINE.choose(null);
  if (STATE.callers) {
    STATE.callers = null;
    showTree(0);
  }
  zoomTo(0);
}

// ---- callers of the zoomed frame ----

const MOST_CRUMBS = 9;

function showCrumbs() {
  const path = pathTo(STATE.zoom), cut = path.length - MOST_CRUMBS;
  const shown = cut > 0 ? [0, ...path.slice(cut + 1)] : path;
  byId("crumbs").hidden = !STATE.zoom;
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

// ---- controls ----

function chip(measure) {
  const dot = element("i", {class: "dot"});
  dot.style.background = measure.accent;
  const button = element("button", {type: "button", class: "chip", "data-measure": measure.name, "aria-pressed": "false",
                                    title: measure.mode + ": " + measure.title}, dot, measure.title);
  button.addEventListener("click", () => {
    const shown = new Set(visible().map((graph) => graph.measure.name));
    if (!shown.delete(measure.name)) shown.add(measure.name);
    showMeasures(shown);
  });
  return button;
}

const FOLDS = {library: "libraries", standard: "standard library", imports: "imports", idle: "threads that wait for work"};

// Boxes for what can be shown in full; none for what there is not.
function foldBoxes() {
  return Object.keys(FOLDS).filter((group) => (group === "idle" ? hasIdle : hasGroup(group))).map((group) => {
    const box = element("input", {type: "checkbox", "data-fold": group});
    box.addEventListener("change", () => {
      const recorded = recordedOf(STATE.zoom);
      IN_FULL[group] = box.checked;
      showTree(recorded);
    });
    return element("label", {}, box, FOLDS[group]);
  });
}

function showControls() {
  for (const box of document.querySelectorAll("[data-fold]")) box.checked = IN_FULL[box.dataset.fold];
  const {callers} = STATE, button = byId("callers");
  button.setAttribute("aria-pressed", callers !== null);
  button.textContent = callers === null ? "Callers"
    : callers.label === null ? "Callers of all" : "Callers of " + fit(LABELS.name[callers.label], 24);
}

function closeMenus(but) {
  const open = Array.from(document.querySelectorAll("details.menu[open]")).filter((menu) => menu !== but);
  open.forEach((menu) => (menu.open = false));
  return open.length > 0;
}

function showPanel(panel) {
  byId("tables").querySelector(".table")?.remove();
  byId("tables").append(panel.root);
  for (const tab of byId("tabs").children) {
    const is = tab.dataset.table === panel.name;
    tab.setAttribute("aria-selected", is);
    tab.tabIndex = is ? 0 : -1;
  }
  panel.show({});
}

function openSource(file, line) {
  if (!FILES.has(file)) return;
  showPanel(SOURCE);
  SOURCE.open(file, line);
}

function tab(panel) {
  const button = element("button", {type: "button", role: "tab", "data-table": panel.name}, panel.title + " ",
                         element("span", {}, grouped(panel.labels.length)));
  button.addEventListener("click", () => showPanel(panel));
  button.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], tabs = Array.from(byId("tabs").children);
    if (!step) return;
    const other = tabs[(tabs.indexOf(button) + step + tabs.length) % tabs.length];
    other.focus();
    other.click();
  });
  return button;
}

function toggle(id, change) {
  byId(id).addEventListener("click", () => {
    byId(id).setAttribute("aria-pressed", change());
    arrange();
    visible().forEach((graph) => graph.scrollTo(graph.zoom, true));
  });
}

function buildControls() {
  const rarer = MEASURES.filter((measure) => !measure.main), folds = foldBoxes();
  byId("measures").append(...MEASURES.filter((measure) => measure.main).map(chip));
  byId("rarer").append(...rarer.map(chip));
  byId("folds").append(element("small", {}, "In full, not folded into one frame"), ...folds);
  byId("rarer").parentNode.hidden = !rarer.length;
  byId("folds").parentNode.hidden = !folds.length;
  byId("tabs").append(...PANELS.map(tab));
}

function begin() {
  readPaint();
  buildControls();
  showTimeline();
  GRAPHS.forEach(listen);
  toggle("flip", () => (STATE.flame = !STATE.flame));
  toggle("stack", () => (STATE.stacked = !STATE.stacked));
  byId("callers").addEventListener("click", toggleCallers);
  byId("reset").addEventListener("click", reset);
  byId("query").addEventListener("input", () => search(byId("query").value));
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  window.addEventListener("keydown", onKey);
  window.addEventListener("resize", () => {
    fitTimeline();
    arrange();
  });
  window.addEventListener("hashchange", recall);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readPaint();
    redraw();
    fitTimeline();
  });
  chooseMeasures(new Set(MEASURES.filter((measure) => measure.main).map((measure) => measure.name)));
  recall();
  if (PANELS.length) showPanel(PANELS[0]);
}

begin();
