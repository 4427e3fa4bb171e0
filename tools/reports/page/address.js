// The address remembers what is shown, so that a page can be passed on as one sees it. Zoomed is a recorded context:
// its number is the same however frames are folded.
"use strict";

function remember() {
  const parts = [];
  if (STATE.callers) parts.push("callers=" + (STATE.callers.label ?? "all"));
  else if (STATE.zoom) parts.push("zoom=" + recordedOf(STATE.zoom));
  if (STATE.query) parts.push("search=" + encodeURIComponent(STATE.query));
  for (const group of Object.keys(IN_FULL)) if (IN_FULL[group] !== USUAL[group]) parts.push(group + "=" + IN_FULL[group]);
  for (const table of TABLES) if (table.chosen) parts.push(table.name + "=" + encodeURIComponent(table.columnKeys()));
  try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* not allowed here: not needed */ }
}

function wanted() {
  const found = new Map();
  for (const part of location.hash.slice(1).split("&")) {
    const [key, text = ""] = part.split("=");
    try { found.set(key, decodeURIComponent(text)); } catch { found.set(key, text); }
  }
  return found;
}

function recall() {
  const found = wanted(), node = Number(found.get("zoom") || 0), callers = found.get("callers");
  for (const group of Object.keys(IN_FULL)) IN_FULL[group] = found.has(group) ? found.get(group) === "true" : USUAL[group];
  for (const table of TABLES) table.choose(found.get(table.name));
  const label = callers === undefined || callers === "all" ? null : Number(callers);
  const there = label === null || (Number.isInteger(label) && label > 0 && label < LABELS.count);
  STATE.callers = callers === undefined || !there ? null : {label};
  lookFor(byId("query").value = found.get("search") || "");
  showTree(Number.isInteger(node) && node > 0 && node < RECORDED.count ? node : 0);
}
