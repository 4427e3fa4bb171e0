// The range of time that graphs and tables are narrowed to: of captures with events, what each context had in it.
"use strict";

// By recorded context, its stretches with something and how much, one behind the other.
function unpackStretches(packed, contexts) {
  const numbers = varints(packed), begin = new Uint32Array(contexts + 1), at = [], of = [];
  for (let context = 0, next = 0; context < contexts; context++) {
    const count = numbers[next++];
    for (let i = 0, stretch = 0; i < count; i++) {
      at.push(stretch += numbers[next++]);
      of.push(numbers[next++]);
    }
    begin[context + 1] = at.length;
  }
  return {begin, at, of};
}

const STRETCHES = DATA.stretches && {
  ...DATA.stretches,
  own: unpackStretches(DATA.stretches.own, RECORDED.count), calls: unpackStretches(DATA.stretches.calls, RECORDED.count),
};
const NARROWED = ["self_ns", "total_ns", "calls"];  // columns of functions

// What is shown: all that was recorded, or of a range.
let SHOWN = RECORDED;

// The range in whole stretches: those that it touches.
function stretchesOf([from, to]) {
  const {between, count} = STRETCHES, each = (between[1] - between[0]) / count;
  const first = Math.max(0, Math.min(count - 1, Math.floor((from - between[0]) / each + 1e-6)));
  const last = Math.max(first + 1, Math.min(count, Math.ceil((to - between[0]) / each - 1e-6)));
  return {first, last, range: [between[0] + first * each, between[0] + last * each]};
}

function sumsOf({begin, at, of}, first, last) {
  return Float64Array.from({length: RECORDED.count}, (_, context) => {
    let sum = 0;
    for (let i = begin[context]; i < begin[context + 1]; i++) if (at[i] >= first && at[i] < last) sum += of[i];
    return sum;
  });
}

function narrowTo(range) {
  if (range === null) SHOWN = RECORDED;
  else {
    const {first, last} = stretchesOf(range), own = sumsOf(STRETCHES.own, first, last), calls = sumsOf(STRETCHES.calls, first, last);
    SHOWN = {
      ...RECORDED,
      counts: RECORDED.counts.map((each) => (each.key === "calls" ? {...each, of: calls}
        : {...each, of: new Float64Array(RECORDED.count)})),
      values: RECORDED.values.map((values, number) => (number !== STRETCHES.measure ? values
        : {own, hidden: new Float64Array(RECORDED.count), idle: []})),
    };
  }
  const table = TABLES.find((each) => each.name === "functions");
  if (table) narrowTable(table, range === null ? null : sumsByLabel());
}

// Of functions, own and inclusive time and calls; what lies in recursion counts once.
function sumsByLabel() {
  const {count, label, depth, parent} = RECORDED, own = SHOWN.values[STRETCHES.measure].own, whole = own.slice();
  const calls = (SHOWN.counts.find(({key}) => key === "calls") || {of: new Float64Array(count)}).of;
  for (let i = count - 1; i > 0; i--) whole[parent[i]] += whole[i];
  const found = {self_ns: new Float64Array(LABELS.count), total_ns: new Float64Array(LABELS.count), calls: new Float64Array(LABELS.count)};
  const path = [], around = new Uint32Array(LABELS.count);
  for (let i = 1; i < count; i++) {
    while (path.length >= depth[i]) around[path.pop()]--;
    found.self_ns[label[i]] += own[i];
    found.calls[label[i]] += calls[i];
    if (!around[label[i]]) found.total_ns[label[i]] += whole[i];
    around[label[i]]++;
    path.push(label[i]);
  }
  return found;
}

function narrowTable(table, sums) {
  for (const column of table.columns) {
    if (!NARROWED.includes(column.key)) continue;
    column.recorded = column.recorded || column.of;
    column.of = sums ? Float64Array.from(table.labels, (label) => sums[column.key][label]) : column.recorded;
  }
}

// What is said of a measure while a range is chosen.
function rangeNote(measure) {
  if (SHOWN === RECORDED) return "";
  return measure.number === STRETCHES.measure ? "in the chosen range" : "of the whole recording: not kept over time";
}

// ---- the timeline above the graphs ----

const TIMELINE = DATA.timeline && new Timeline(DATA.timeline, chooseRange);

// Called when the reader has chosen a range.
function chooseRange(range) {
  if (range && !STRETCHES) {
    TIMELINE.range = null;
    TIMELINE.clear.hidden = true;
    TIMELINE.show(...range);
    return;
  }
  if (range) {
    TIMELINE.range = stretchesOf(range).range;
    TIMELINE.draw();
  }
  const recorded = recordedOf(STATE.zoom);
  narrowTo(range && TIMELINE.range);
  showTree(recorded);
  sayRange();
}

function sayRange() {
  const {range} = TIMELINE, others = MEASURES.filter((measure) => !STRETCHES || measure.number !== STRETCHES.measure);
  byId("ranged").hidden = range === null;
  if (range === null) return;
  const step = (STRETCHES.between[1] - STRETCHES.between[0]) / STRETCHES.count;
  const left = others.map((measure) => measure.title);
  const rest = [...left, TABLES.some((table) => table.name === "lines") ? "lines" : ""].filter(Boolean);
  byId("ranged").textContent = "Graphs and functions show the time of " + duration(Math.round(range[1] - range[0])) + ", from "
    + moment(range[0], step) + " on, in steps of " + duration(Math.round(step)) + "."
    + (rest.length ? " Not kept over time, and so of the whole recording: " + rest.join(", ") + "." : "");
}

function showTimeline() {
  byId("over").hidden = !TIMELINE;
  if (!TIMELINE) return;
  byId("over").querySelector(".place").append(TIMELINE.root);
  byId("over").open = TIMELINE.tracks.length > 0 || window.innerWidth > 640;
  byId("over").addEventListener("toggle", () => fitTimeline());
  const notes = DATA.timeline.notes.map((text) => element("p", {class: "note"}, text));
  byId("over").querySelector(".notes").append(...notes);
  const most = TIMELINE.pictures.flatMap(({lines, unit}) => lines.map(({name, values}) =>
    name + " up to " + levelOf(values.reduce((a, b) => Math.max(a, b), 0), unit)));
  byId("over").querySelector("summary").textContent = ["Over time", ...most].join("  ·  ");
  fitTimeline();
}

function fitTimeline() {
  if (TIMELINE && byId("over").open) TIMELINE.fit(Math.max(150, window.innerHeight * 0.45));
}
