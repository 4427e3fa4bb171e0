// What the page holds, unpacked.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

const LABELS = (() => {
  const packed = DATA.labels, strings = packed.strings;
  const texts = (column) => Array.from(varints(column), (number) => strings[number]);
  const kinds = Array.from(varints(packed.kind), (number) => DATA.kinds[number]);
  return {
    name: texts(packed.name), kind: kinds, module: texts(packed.module), file: texts(packed.file),
    line: varints(packed.line), count: kinds.length,
    library: Uint32Array.from(varints(packed.library)),  // 0 is the user's own, else a number of LIBRARIES from 1
  };
})();
// Each has a name, a group (`library`, `standard`, `imports`), and the label that stands for all of its frames.
const LIBRARIES = DATA.labels.libraries;
const groupOf = (label) => (LABELS.library[label] ? LIBRARIES[LABELS.library[label] - 1].group : "");

// `file.py:42`, of a line also its function; nothing where that is not known.
function whereIs(label) {
  const file = LABELS.file[label], line = LABELS.line[label];
  const place = file && line ? file + ":" + line : file;
  return LABELS.kind[label] === "line" ? [LABELS.module[label], place].filter(Boolean).join(" in ") : place;
}

// The last part of a path, which is enough beside a name.
function placeOf(label) {
  const file = LABELS.file[label].split("/").pop();
  return file && LABELS.line[label] ? file + ":" + LABELS.line[label] : file;
}
