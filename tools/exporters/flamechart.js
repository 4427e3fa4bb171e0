// The page of a flame chart: the chart, a search, and the address, which remembers both.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const CHART = new Timeline(DATA);
const QUERY = document.getElementById("query");

// A regular expression, or where it is none the very text.
function patternOf(query) {
  try { return query ? new RegExp(query, "i") : null; }
  catch { return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
}

function fitChart() {
  CHART.fit(Math.max(160, document.getElementById("chart").clientHeight - 38));
}

function remember() {
  const parts = [];
  if (CHART.from > CHART.whole[0] || CHART.to < CHART.whole[1]) parts.push("range=" + Math.round(CHART.from) + ".." + Math.round(CHART.to));
  if (QUERY.value) parts.push("search=" + encodeURIComponent(QUERY.value));
  try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* not allowed here: not needed */ }
}

function recall() {
  const wanted = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
  const [from, to] = (wanted.get("range") || "").split("..").map(Number);
  try { QUERY.value = decodeURIComponent(wanted.get("search") || ""); } catch { /* as it stands */ }
  CHART.search(patternOf(QUERY.value));
  if (to > from) CHART.show(from, to);
}

document.getElementById("chart").append(CHART.root);
QUERY.addEventListener("input", () => {
  CHART.search(patternOf(QUERY.value));
  remember();
});
window.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && document.activeElement === QUERY) CHART.goOn(event.shiftKey ? -1 : 1);
  else if (event.key === "/" && document.activeElement !== QUERY) {
    event.preventDefault();
    QUERY.focus();
    QUERY.select();
  } else if (event.key === "Escape") {
    QUERY.value = "";
    QUERY.blur();
    CHART.search(null);
    CHART.show(...CHART.whole);
    remember();
  } else if (document.activeElement === document.body) CHART.view.dispatchEvent(new KeyboardEvent("keydown", {key: event.key}));
});
for (const kind of ["mouseup", "keyup"]) window.addEventListener(kind, () => setTimeout(remember));
window.addEventListener("resize", fitChart);
window.addEventListener("hashchange", recall);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => CHART.draw());
fitChart();
recall();
