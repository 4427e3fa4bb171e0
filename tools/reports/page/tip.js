// What is said of the frame that is pointed at.
"use strict";

const tableRow = (tag, ...cells) => element("tr", {}, ...cells.map((cell, at) => element(at ? tag : "th", {}, cell)));

function measureRow(measure, node) {
  const dot = element("i", {class: "dot"}), {unit, total, whole} = measure;
  dot.style.background = measure.accent;
  const cells = [element("span", {}, dot, measure.title), amount(total[node], unit), percent(total[node], whole)];
  if (STATE.zoom) cells.push(percent(total[node], total[STATE.zoom]));
  const self = node && !STATE.callers ? selfOf(measure, node) : 0;
  return tableRow("td", ...cells, self ? amount(self, unit) : "");
}

// What the figures are of.
function aboutFrame(node) {
  const label = NODES.label[node];
  if (STATE.callers && node) {
    const begin = pathTo(node)[1], of = LABELS.name[NODES.label[begin]];
    if (begin !== node) return "what " + of + " took when it was called by way of this";
    return STATE.callers.label === null ? "itself, whoever called it" : "all that it took, whoever called it";
  }
  if (isFolded(label)) {
    return groupOf(label) === "imports" ? "all imports from here, as one frame"
      : "all frames of " + LABELS.name[label] + " from here, as one";
  }
  return "";
}

const isFolded = (label) => LABELS.library[label] > 0 && LIBRARIES[LABELS.library[label] - 1].label === label;

// All that is known of a frame, from every mode.
function fillTip(node) {
  const tip = byId("tip");
  tip.hidden = node === null;
  if (node === null) return;
  const label = NODES.label[node], library = LABELS.library[label];
  const titles = ["", STATE.callers ? "by way of it" : "total", "of all", ...(STATE.zoom ? ["of zoomed"] : []),
                  STATE.callers ? "" : "self"];
  const rows = MEASURES.filter((measure) => measure.total[node]).map((measure) => measureRow(measure, node));
  const counts = NODES.counts.filter(({of}) => of[node]).map(({of, title, unit}) => title + " " + amount(of[node], unit));
  const where = [whereIs(label), library && !isFolded(label) ? LIBRARIES[library - 1].name : ""].filter(Boolean);
  tip.replaceChildren(element("b", {}, LABELS.name[label]), element("small", {}, where.join("  ·  ")),
                      element("small", {class: "about"}, aboutFrame(node)),
                      element("table", {}, element("thead", {}, tableRow("th", ...titles)), element("tbody", {}, ...rows)),
                      element("small", {class: "counts"}, counts.join("  ·  ")));
}

// Below or above the point, inside the graph if that is wide enough: the marks in the others stay in sight.
function placeTip(x, y, graph) {
  const tip = byId("tip"), box = tip.getBoundingClientRect();
  const left = Math.min(x + 16, Math.max(graph.left, graph.right - box.width), window.innerWidth - box.width - 4);
  const top = y + 28 + box.height > window.innerHeight ? y - box.height - 24 : y + 28;
  tip.style.transform = `translate(${Math.max(4, Math.round(left))}px, ${Math.max(4, Math.round(top))}px)`;
}
