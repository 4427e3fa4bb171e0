// Numbers as people read them, and names that fit: what units.py does, for the flame graph and the page.
"use strict";

// So many decimals, and where two are equally near the even one, as Python has it. Only eighths, quarters and halves
// lie in the middle of two such numbers and are exact in binary: all others toFixed rounds alike.
function fixed(x, decimals) {
  const parts = x * 2 ** (decimals + 1), scale = 10 ** decimals;
  if (Number.isInteger(parts) && parts % 2 === 1) {
    const below = Math.floor(x * scale);
    x = (below % 2 ? below + 1 : below) / scale;
  }
  return x.toFixed(decimals);
}

const grouped = (number) => number.toLocaleString("en");

const threeDigits = (x) => (x < 9.995 ? fixed(x, 2) : x < 99.95 ? fixed(x, 1) : grouped(Number(fixed(x, 0))));

function duration(ns) {
  if (ns < 1000) return ns + " ns";
  for (const [scale, unit] of [[1e3, "µs"], [1e6, "ms"]])
    if (ns / scale < 999.5) return threeDigits(ns / scale) + " " + unit;
  return threeDigits(ns / 1e9) + " s";
}

function size(bytes) {
  if (bytes < 1024) return bytes + " B";
  let value = bytes;
  for (const unit of ["KiB", "MiB", "GiB"])
    if ((value /= 1024) < 1023.95 || unit === "GiB") return fixed(value, 1) + " " + unit;
}

function amount(value, unit) {
  if (unit === "ns") return duration(value);
  if (unit === "B") return size(value);
  return grouped(value) + (unit ? " " + unit : "");
}

function percent(value, of) {
  const share = 100 * value / (of || 1);
  return !value || !of ? "0%" : share < 0.05 ? "<0.1%" : fixed(share, 1) + "%";
}

// The name in so many letters: without its packages, then cut; of a line, its number stays. Nothing where under three
// letters fit.
function fit(name, letters) {
  if (name.length <= letters) return name;
  const long = (text) => Array.from(text).length > letters, line = /\.\w+(:\d+)$/u.exec(name);
  let text = line && long(name) ? line[1] : name;
  while (long(text) && text.replace(/^\.+|\.+$/g, "").includes(".")) text = text.slice(text.indexOf(".") + 1);
  return !long(text) ? text : letters >= 3 ? Array.from(text).slice(0, letters - 1).join("") + "…" : "";
}
