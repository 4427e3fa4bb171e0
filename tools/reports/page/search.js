// Search and selection: both say which labels are hit. Of a search one can go from frame to frame.
"use strict";

function pattern(query) {
  try { return new RegExp(query, "i"); }
  catch { return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
}

// Names, files with their paths, and libraries.
function labelsLike(query) {
  const words = pattern(query), known = new Map();
  const fits = (text) => {
    let found = known.get(text);
    if (found === undefined) known.set(text, found = text !== "" && words.test(text));
    return found;
  };
  const library = LIBRARIES.map(({name}) => words.test(name));
  return Uint8Array.from(LABELS.name, (name, label) => {
    const of = LABELS.library[label];
    return words.test(name) || fits(LABELS.file[label]) || (of && library[of - 1]) ? 1 : 0;
  });
}

const lookFor = (query) => Object.assign(STATE, {query, selected: null, hits: query ? labelsLike(query) : null});

function search(query) {
  lookFor(query);
  findSteps();
  showHits();
  remember();
}

function selectLabel(label) {
  STATE.query = byId("query").value = "";
  STATE.selected = label;
  STATE.hits = label === null ? null : new Uint8Array(LABELS.count);
  if (label !== null) STATE.hits[label] = 1;
  findSteps();
  showHits();
  remember();
}

function showHits() {
  for (const graph of visible()) {
    graph.draw();
    graph.showMatches();
  }
  TABLES.forEach((table) => table.mark());
  if (TIMELINE) TIMELINE.search(STATE.query ? pattern(STATE.query) : STATE.selected === null ? null : exactly(STATE.selected));
}

// The timeline has labels of its own: it is asked for a name.
const exactly = (label) => new RegExp("^" + LABELS.name[label].replace(/[.*+?^${}()|[\]\\]/g, "\\$&") + "$");

// The frames that are hit and have something of what is shown: those with most of the first graph's measure first.
function findSteps() {
  const shown = visible().map((graph) => graph.measure), {hits} = STATE;
  STATE.steps = [];
  STATE.step = -1;
  if (hits !== null) {
    for (let i = 1; i < NODES.count; i++)
      if (hits[NODES.label[i]] && shown.some((measure) => measure.total[i])) STATE.steps.push(i);
    STATE.steps.sort((a, b) => shown[0].total[b] - shown[0].total[a] || a - b);
  }
  sayHits();
}

function sayHits() {
  const {steps, step, hits, query} = STATE, functions = new Set(steps.map((node) => NODES.label[node])).size;
  const frames = grouped(steps.length) + (steps.length === 1 ? " frame" : " frames");
  byId("hits").textContent = hits === null || !query ? ""
    : !steps.length ? (hits.includes(1) ? "folded or not drawn" : "nothing found")
    : step >= 0 ? grouped(step + 1) + " of " + frames
    : grouped(functions) + (functions === 1 ? " name, " : " names, ") + frames;
}

// To the next frame that is hit, or the one before, round and round.
function stepThrough(by) {
  const {steps} = STATE, graph = visible()[0];
  if (!steps.length || !graph) return;
  STATE.step = STATE.step < 0 ? (by > 0 ? 0 : steps.length - 1) : (STATE.step + by + steps.length) % steps.length;
  const node = steps[STATE.step], of = visible().find((each) => each.measure.total[node]) || graph;
  sayHits();
  reveal(node, of);
}
