// Frames that are not the user's own, folded: those of a library, from where it was called down to where it calls the
// user's functions again, are one frame with the library's name. All that was imported is one frame. What threads had
// that waited for work is left out.
"use strict";

// What is shown in full; what is not is folded, or left out.
const IN_FULL = {library: false, standard: false, imports: false, idle: false};
const hasGroup = (group) => LIBRARIES.some((library) => library.group === group);
const hasIdle = RECORDED.values.some(({idle}) => idle.length);

// Whether a label has rows of its own in tables.
const isInFull = (label) => !groupOf(label) || IN_FULL[groupOf(label)];

// What a frame is merged into below `above`, in terms of the folded tree: a label, or -1 for `above` itself. `run` is the
// group of what is folded there. A line of the file that its function is in is that function's.
function foldedLabel(label, run, above) {
  const group = groupOf(label), isLine = LABELS.kind[label] === "line";
  if (run === "imports" || (run && isLine)) return -1;
  if (run && group !== "imports" && (group === "standard" || (group && !IN_FULL[group]))) return -1;
  if (!group || IN_FULL[group] || (isLine && LABELS.file[label] === LABELS.file[above])) return label;
  return LIBRARIES[LABELS.library[label] - 1].label;
}

function valuesWithoutIdle() {
  return SHOWN.values.map(({own, hidden, idle}) => {
    if (IN_FULL.idle || !idle.length) return {own, hidden};
    const [mine, others] = [own.slice(), hidden.slice()];
    for (let at = 0; at < idle.length; at += 2) {
      const node = idle[at], fromOwn = Math.min(mine[node], idle[at + 1]);
      mine[node] -= fromOwn;
      others[node] = Math.max(0, others[node] - (idle[at + 1] - fromOwn));
    }
    return {own: mine, hidden: others};
  });
}

// The tree as it is asked for. Its `of` says which frame each recorded context went to.
function foldedTree() {
  const recorded = {...SHOWN, values: valuesWithoutIdle(), of: RECORDED.whole};
  if (!["library", "standard", "imports"].some((group) => hasGroup(group) && !IN_FULL[group])) return recorded;
  const {count, label, parent, counts, values} = recorded;
  const of = new Uint32Array(count), parents = [0], labels = [label[0]], runs = [""], known = new Map();
  const entries = new Uint8Array(count);  // whether a context's calls are calls of the frame that it went to
  for (let i = 1; i < count; i++) {
    const above = of[parent[i]], name = foldedLabel(label[i], runs[above], labels[above]);
    if (name < 0) {
      of[i] = above;
      continue;
    }
    const key = above * LABELS.count + name;
    let at = known.get(key);
    if (at === undefined) {
      known.set(key, at = labels.length);
      labels.push(name);
      parents.push(above);
      runs.push(name === label[i] ? "" : groupOf(name));
    }
    of[i] = at;
    entries[i] = 1;
  }
  const summed = (from, only) => {
    const sums = new Float64Array(labels.length);
    for (let i = 0; i < count; i++) if (!only || only[i]) sums[of[i]] += from[i];
    return sums;
  };
  const tree = inOrder({
    count: labels.length, parent: parents, label: labels,
    counts: counts.map((each) => ({...each, of: summed(each.of, entries)})),
    values: values.map(({own, hidden}) => ({own: summed(own), hidden: summed(hidden)})),
  });
  return {...tree, of: of.map((at) => tree.of[at])};
}
