// A tree turned round: functions, and below each who called it, all its contexts merged. A graph of it is read downwards
// from what took the time to who asked for it.
"use strict";

// Callers with a smaller share of every measure are not told apart: what they have is in the width of what they called.
const LEAST_SHARE = 1 / 5000;

// Where each caller chain begins: all functions with what they have themselves, or one with all that it called. Contexts
// of a function inside of its own have nothing more, but are calls.
function beginnings(tree, wanted) {
  const {count, label, parent, values} = tree, isLine = (i) => LABELS.kind[label[i]] === "line";
  if (wanted === null) {
    const own = values.map((each) => each.own.map((amount, i) => amount + each.hidden[i]));
    const nodes = [];
    for (let i = count - 1; i > 0; i--) {
      if (isLine(i) && parent[i]) for (const of of own) of[parent[i]] += of[i];
      else nodes.push(i);
    }
    return {nodes: nodes.reverse(), own};
  }
  const inside = new Uint8Array(count), nodes = [];
  const own = values.map(({own: mine, hidden}) => summedUp(tree, mine, hidden).total);
  for (let i = 1; i < count; i++) {
    inside[i] = inside[parent[i]];
    if (label[i] !== wanted) continue;
    if (inside[i]) for (const of of own) of[i] = 0;
    inside[i] = 1;
    nodes.push(i);
  }
  return {nodes, own};
}

// By label, the contexts of a group with their callers; `null` are those that have come to the root.
function byLabel(group, label) {
  const found = new Map();
  for (let at = 0; at < group.from.length; at++) {
    const name = group.at[at] ? label[group.at[at]] : null;
    let other = found.get(name);
    if (!other) found.set(name, other = {label: name, from: [], at: []});
    other.from.push(group.from[at]);
    other.at.push(group.at[at]);
  }
  return found;
}

function callersTree(tree, wanted) {
  const {nodes, own} = beginnings(tree, wanted), {label, parent} = tree;
  const made = {label: [], parent: [], sums: own.map(() => []), counts: tree.counts.map(() => [])};
  const sum = (of, from) => from.reduce((all, node) => all + of[node], 0);
  const wholes = own.map((of) => sum(of, nodes) || Infinity);
  const waiting = [{label: label[0], from: nodes, at: nodes, above: 0}];
  while (waiting.length) {
    const group = waiting.pop(), number = made.label.length;
    const sums = own.map((of) => sum(of, group.from));
    made.label.push(group.label);
    made.parent.push(group.above);
    made.counts.forEach((column, at) => column.push(number ? sum(tree.counts[at].of, group.from) : 0));
    const below = [];
    if (!number || sums.some((amount, at) => amount > LEAST_SHARE * wholes[at]))
      for (const other of byLabel(group, label).values()) if (other.label !== null) below.push(other);
    for (const other of below) {
      other.weights = own.map((of) => sum(of, other.from));
      other.weights.forEach((amount, at) => (sums[at] -= amount));
      other.at = other.at.map((node) => parent[node]);
      other.above = number;
    }
    made.sums.forEach((column, at) => column.push(sums[at]));
    // Those with most come first: the last is taken next.
    const lead = wholes.findIndex((whole) => whole !== Infinity);
    below.sort((a, b) => (a.weights[lead] || 0) - (b.weights[lead] || 0));
    waiting.push(...below);
  }
  // A parent is made before what is below it, siblings in the order that they are taken in.
  return inOrder({
    count: made.label.length, parent: made.parent, label: made.label,
    counts: tree.counts.map((each, at) => ({...each, of: made.counts[at]})),
    values: made.sums.map((sums) => ({own: Float64Array.from(sums), hidden: new Float64Array(sums.length)})),
  });
}
