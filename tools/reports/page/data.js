// The data of the page, unpacked: contexts as columns in depth-first order, so that the subtree of i is i up to end[i].
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

// Integers of seven bits a byte, the least first. Multiplied, not shifted: they may have 53 bits.
function varints(text) {
  const bytes = atob(text), length = bytes.length;
  let count = 0;
  for (let at = 0; at < length; at++) if (bytes.charCodeAt(at) < 128) count++;
  const values = new Float64Array(count);
  for (let at = 0, i = 0; i < count; i++) {
    let byte = bytes.charCodeAt(at++), value = byte & 127, scale = 128;
    while (byte > 127) {
      byte = bytes.charCodeAt(at++);
      value += (byte & 127) * scale;
      scale *= 128;
    }
    values[i] = value;
  }
  return values;
}

const LABELS = (() => {
  const packed = DATA.labels, strings = packed.strings;
  const texts = (column) => Array.from(varints(column), (number) => strings[number]);
  const kinds = Array.from(varints(packed.kind), (number) => DATA.kinds[number]);
  return {
    name: texts(packed.name), kind: kinds, module: texts(packed.module), file: texts(packed.file),
    line: varints(packed.line), count: kinds.length,
  };
})();

// `file.py:42`, of a line also its function; nothing where that is not known.
function whereIs(label) {
  const file = LABELS.file[label], line = LABELS.line[label];
  const place = file && line ? file + ":" + line : file;
  return LABELS.kind[label] === "line" ? [LABELS.module[label], place].filter(Boolean).join(" in ") : place;
}

const NODES = (() => {
  const packed = DATA.nodes, count = packed.count;
  const label = Uint32Array.from(varints(packed.label)), depth = Uint32Array.from(varints(packed.depth));
  const parent = new Uint32Array(count), end = new Uint32Array(count).fill(count);
  const path = [];  // the nodes above the one at hand, by depth
  for (let i = 0; i < count; i++) {
    while (path.length > depth[i]) end[path.pop()] = i;
    parent[i] = path.length ? path[path.length - 1] : 0;
    path.push(i);
  }
  const counts = packed.counts.map((each) => ({...each, of: varints(each.of)}));
  return {count, label, depth, parent, end, counts};
})();

// Inclusive values, and where each frame begins if siblings stand side by side in their order.
function summedUp(own, hidden) {
  const count = NODES.count, parent = NODES.parent;
  const total = own.slice(), left = new Float64Array(count), next = new Float64Array(count);
  if (hidden) for (let i = 0; i < count; i++) total[i] += hidden[i];
  for (let i = count - 1; i > 0; i--) total[parent[i]] += total[i];
  for (let i = 1; i < count; i++) {
    const above = parent[i];
    left[i] = next[i] = next[above];
    next[above] += total[i];
  }
  return {total, left};
}

const MEASURES = DATA.measures.map((measure, number) => {
  const values = DATA.nodes.values[number];
  const own = varints(values.own), hidden = values.hidden ? varints(values.hidden) : null;
  const colours = varints(measure.colours.of), palette = measure.colours.palette;
  return {...measure, number, own, ...summedUp(own, hidden), palette, colourOf: colours};
});

// What a frame has itself. Of memory that lies in the lines below it.
function selfOf(measure, i) {
  let sum = measure.own[i];
  for (let child = i + 1; child < NODES.end[i]; child = NODES.end[child])
    if (LABELS.kind[NODES.label[child]] === "line") sum += measure.own[child];
  return sum;
}

// The frames from the root down to this one.
function pathTo(i) {
  const path = [i];
  while (i) path.push(i = NODES.parent[i]);
  return path.reverse();
}

const isBelow = (i, above) => above <= i && i < NODES.end[above];
