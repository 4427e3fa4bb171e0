// What a line of source called, and who called the function that begins there.
"use strict";

const CALLS = {
  // By file and line, what was called from it; by label, who called it.
  from: new Map(), of: new Map(),
};

const placed = (file, line) => file + ":" + line;

function noted(map, key, row) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(row);
}

// Of one line and one callee, what samples and counters know is one row. Where one line alone of a function calls another,
// all of those calls and their time are that line's.
(() => {
  const {sampled, counted, edges} = DATA.calls, met = new Map();
  const row = (file, line, caller, callee, name) => {
    const key = placed(file, line) + "\n" + (callee || name);
    if (!met.has(key)) {
      const made = {file, line, caller, callee, name: callee ? LABELS.name[callee] : name, calls: 0, samples: 0, ns: 0};
      met.set(key, made);
      noted(CALLS.from, placed(file, line), made);
      if (callee) noted(CALLS.of, callee, made);
    }
    return met.get(key);
  };
  for (const [caller, line, callee, samples, ns] of sampled) {
    if (!caller || !line) continue;
    const made = row(LABELS.file[caller], line, caller, callee, "");
    made.samples += samples;
    made.ns += ns;
  }
  for (const [file, line, name, callee, calls, caller] of counted) row(file, line, caller, callee, name).calls += calls;
  for (const [caller, callee, calls, ns] of edges) {
    const lines = (CALLS.of.get(callee) || []).filter((each) => each.caller === caller);
    if (lines.length === 1) Object.assign(lines[0], {calls, ns});
    else if (!lines.length)
      noted(CALLS.of, callee, {file: caller ? LABELS.file[caller] : "", line: 0, caller, callee, name: "", calls, samples: 0, ns});
  }
})();

// The functions that begin on a line.
function begunAt(file, line) {
  const found = [];
  for (let label = 1; label < LABELS.count; label++)
    if (LABELS.line[label] === line && LABELS.file[label] === file && LABELS.kind[label] !== "line" && LABELS.kind[label] !== "import")
      found.push(label);
  return found;
}

const figuresOf = ({calls, samples, ns}) => [calls ? grouped(calls) + (calls === 1 ? " call" : " calls") : "",
  samples ? grouped(samples) + (samples === 1 ? " sample" : " samples") : "", ns ? duration(Math.round(ns)) : ""].filter(Boolean).join("  ·  ");

const byAmount = (a, b) => b.ns - a.ns || b.samples - a.samples || b.calls - a.calls;

// A link to a place in source, where that is here; else its name.
function linkTo(file, line, words) {
  if (!FILES.has(file) || !line) return element("span", {class: "code"}, words);
  const made = element("button", {type: "button", class: "name", title: "Open " + placed(file, line)}, words);
  made.addEventListener("click", () => openSource(file, line));
  return made;
}

function callsList(title, rows, cells) {
  const most = 12, shown = rows.sort(byAmount).slice(0, most);
  if (!rows.length) return [];
  const more = rows.length > most ? [element("small", {}, "and " + grouped(rows.length - most) + " more")] : [];
  return [element("h3", {}, title), element("ul", {}, ...shown.map((row) =>
    element("li", {}, cells(row), " ", element("small", {}, figuresOf(row))))), ...more];
}

// All that is known of a line, beside its source.
function aboutLine(file, line, figures) {
  const parts = [element("b", {}, file.split("/").pop() + ":" + line)];
  const own = figures.map(({column, found}) => [column, found.get(line)]).filter(([, value]) => value);
  if (own.length)
    parts.push(element("dl", {}, ...own.map(([column, value]) => element("div", {}, element("dt", {},
      column.group && column.group !== column.title ? column.group + ": " + column.title : column.title),
      element("dd", {}, amount(value, column.unit))))));
  parts.push(...callsList("Calls from here", CALLS.from.get(placed(file, line)) || [], (row) =>
    linkTo(row.callee ? LABELS.file[row.callee] : "", row.callee ? LABELS.line[row.callee] : 0, row.name)));
  for (const label of begunAt(file, line))
    parts.push(...callsList("Callers of " + LABELS.name[label], CALLS.of.get(label) || [], (row) =>
      linkTo(row.file, row.line || (row.caller ? LABELS.line[row.caller] : 0),
             (row.caller ? LABELS.name[row.caller] : row.file ? "" : "outside of all functions")
             + (row.line ? " " + row.file.split("/").pop() + ":" + row.line : ""))));
  if (parts.length === 1) parts.push(element("small", {}, "Nothing is known of this line."));
  return parts;
}
