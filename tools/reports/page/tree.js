// The calling contexts that are shown, as columns in depth-first order: the subtree of i is i up to end[i].
"use strict";

// As recorded: labels, depths, and by measure what each context has itself and what contexts have that are not here.
const RECORDED = (() => {
  const packed = DATA.nodes, count = packed.count;
  const label = Uint32Array.from(varints(packed.label)), depth = Uint32Array.from(varints(packed.depth));
  const parent = new Uint32Array(count), path = [];  // the nodes above the one at hand, by depth
  for (let i = 0; i < count; i++) {
    parent[i] = depth[i] ? path[depth[i] - 1] : 0;
    path[depth[i]] = i;
  }
  const counts = packed.counts.map((each) => ({...each, of: varints(each.of)}));
  const values = packed.values.map(({own, hidden, idle}) => ({
    own: varints(own), hidden: hidden ? varints(hidden) : new Float64Array(count), idle: idle ? varints(idle) : [],
  }));
  return {count, label, depth, parent, counts, values, whole: Uint32Array.from({length: count}, (_, i) => i)};
})();

let NODES = null;  // the tree that is shown

const MEASURES = DATA.measures.map((measure, number) => {
  const colours = varints(measure.colours.of), palette = measure.colours.palette;
  const {own, hidden} = RECORDED.values[number], sum = (values) => values.reduce((all, value) => all + value, 0);
  // `everything` is what was recorded, `whole` what the tree has that is shown, or that callers are of.
  return {...measure, number, palette, colourOf: colours, everything: sum(own) + sum(hidden),
          whole: 0, own: null, total: null, left: null};
});

const ends = ({count, parent}) => {
  const end = Uint32Array.from({length: count}, (_, i) => i + 1);
  for (let i = count - 1; i > 0; i--) if (end[i] > end[parent[i]]) end[parent[i]] = end[i];
  return end;
};

// Inclusive values, and where each frame begins if siblings stand side by side in their order.
function summedUp({count, parent}, own, hidden) {
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

// From here on all graphs are of this tree.
function useTree(tree) {
  NODES = {...tree, end: ends(tree)};
  MEASURES.forEach((measure, number) => {
    const {own, hidden} = tree.values[number];
    Object.assign(measure, {own}, summedUp(tree, own, hidden));
  });
}

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

// A tree of nodes whose parents were made before them, in depth-first order. `of` says where each node went.
function inOrder(made) {
  const {count, parent, label} = made, first = new Int32Array(count).fill(-1), next = new Int32Array(count).fill(-1);
  for (let i = count - 1; i > 0; i--) {
    next[i] = first[parent[i]];
    first[parent[i]] = i;
  }
  const of = new Uint32Array(count), depth = new Uint32Array(count), above = new Uint32Array(count);
  const named = new Uint32Array(count);
  for (let i = 0, at = 0; at < count; at++) {
    of[i] = at;
    named[at] = label[i];
    above[at] = of[parent[i]];
    depth[at] = at ? depth[above[at]] + 1 : 0;
    if (first[i] >= 0) i = first[i];
    else {
      while (i && next[i] < 0) i = parent[i];
      i = next[i];
    }
  }
  const moved = (values) => {
    const found = new Float64Array(count);
    for (let i = 0; i < count; i++) found[of[i]] = values[i];
    return found;
  };
  return {
    count, label: named, depth, parent: above, of,
    counts: made.counts.map((each) => ({...each, of: moved(each.of)})),
    values: made.values.map(({own, hidden}) => ({own: moved(own), hidden: hidden && moved(hidden)})),
  };
}
