// Numbers as people read them, as tools/units.py words them, and names that fit.
"use strict";

const threeDigits = (x) => (x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : Math.round(x).toLocaleString("en"));

function duration(ns) {
  for (const [scale, unit] of [[1, "ns"], [1e3, "µs"], [1e6, "ms"]])
    if (ns / scale < 999.5) return (unit === "ns" ? ns : threeDigits(ns / scale)) + " " + unit;
  return threeDigits(ns / 1e9) + " s";
}

function size(bytes) {
  if (bytes < 1024) return bytes + " B";
  let value = bytes;
  for (const unit of ["KiB", "MiB", "GiB"])
    if ((value /= 1024) < 1023.95 || unit === "GiB") return value.toFixed(1) + " " + unit;
}

function amount(value, unit) {
  if (unit === "ns") return duration(value);
  if (unit === "B") return size(value);
  return value.toLocaleString("en") + (unit ? " " + unit : "");
}

function percent(value, of) {
  const share = 100 * value / (of || 1);
  return !value || !of ? "0%" : share < 0.05 ? "<0.1%" : share.toFixed(1) + "%";
}

// The name in so many letters: without its packages, then cut; of a line, its number stays.
function fit(name, letters) {
  if (name.length <= letters) return name;
  const line = /\.\w+(:\d+)$/.exec(name);
  let text = line ? line[1] : name;
  while (text.length > letters && /[^.]\.[^.]/.test(text)) text = text.slice(text.indexOf(".", 1) + 1);
  return text.length <= letters ? text : letters >= 3 ? text.slice(0, letters - 1) + "…" : "";
}

// Elements, so that no text is ever taken for markup.
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
