// What pages share: elements, numbers as they hold them, colours.
"use strict";

// Of text alone, so that nothing is ever taken for markup.
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

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

// Frames are drawn in the theme's colours; on a dark page a shade darker, so that it stays a dark page.
function shaded(colour, dark) {
  const [, hue, full, light] = /hsl\((\d+),(\d+)%,(\d+)%\)/.exec(colour);
  return dark ? `hsl(${hue},${Math.round(full * 0.8)}%,${light - 10}%)` : colour;
}
