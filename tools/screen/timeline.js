// Spans by track, and what was measured over time, on one axis: zoomed, moved, searched, a range of it chosen.
"use strict";

const LINE = {axis: 22, head: 20, span: 17, gap: 4, series: 46};
const SPAN_FONT = '11.5px ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace';
const HEAD_FONT = '12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';
const SHORTEST = 20;  // ns: no closer can one look
const DRAGGED = 4;  // px: less is a click
const UNITS_OF_TIME = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

function levelOf(value, unit) {
  if (unit === "%") return grouped(Math.round(value)) + "% of a CPU";
  return unit === "B/s" ? size(Math.round(value)) + "/s" : amount(Math.round(value), unit);
}

// A moment, with as many decimals as moments `step` ns apart need.
function moment(ns, step) {
  const [scale, unit] = UNITS_OF_TIME.find(([scale]) => ns >= scale || step >= scale) || UNITS_OF_TIME[3];
  const decimals = Math.max(0, Math.ceil(Math.log10(scale / step) - 1e-9));
  return fixed(ns / scale, Math.min(decimals, 9)) + " " + unit;
}

// The first place in an ascending array with a value above `value`.
function placeAfter(values, value, low, high) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

// ---- what is drawn, unpacked ----

// The boxes of a track, row by row: a span each, or several that were merged.
function unpackTrack(packed) {
  const numbers = varints(packed.items), rows = [];
  let at = 0;
  for (const count of packed.rows) {
    const row = {start: new Float64Array(count), length: new Float64Array(count), label: new Uint32Array(count),
                 count: new Uint32Array(count), busy: new Float64Array(count)};
    let end = 0;
    for (let i = 0; i < count; i++) {
      row.start[i] = end + numbers[at++];
      row.length[i] = row.busy[i] = numbers[at++];
      row.label[i] = numbers[at] / 2;
      row.count[i] = 1;
      if (numbers[at++] % 2) {
        row.count[i] = numbers[at++];
        row.busy[i] = numbers[at++];
      }
      end = row.start[i] + row.length[i];
    }
    rows.push(row);
  }
  return {...packed, items: null, rows, folded: false};
}

function unpackSeries({name, unit, times, values}) {
  const steps = varints(times);
  for (let at = 1; at < steps.length; at++) steps[at] += steps[at - 1];
  return {name, unit, times: steps, values};
}

function unpackSpans(data) {
  const {strings} = data.labels, texts = (column) => Array.from(varints(column), (number) => strings[number]);
  return {
    name: texts(data.labels.name), file: texts(data.labels.file), line: varints(data.labels.line),
    kind: Array.from(varints(data.labels.kind), (number) => data.kinds[number]),
    colour: Uint32Array.from(varints(data.labels.colour)), palette: data.labels.palette,
  };
}

// Series of one unit are one picture.
function picturesOf(series) {
  const found = new Map();
  for (const each of series.map(unpackSeries)) {
    const key = each.unit.startsWith("B") ? each.unit : each.name;
    if (!found.has(key)) found.set(key, {unit: each.unit, lines: []});
    found.get(key).lines.push(each);
  }
  return Array.from(found.values());
}

// ---- the timeline ----

class Timeline {
  // `chosen` is called with a range that the reader chose, or null. Without it a chosen range is zoomed to.
  constructor(data, chosen) {
    this.whole = data.between;
    this.labels = unpackSpans(data);
    this.tracks = data.tracks.map(unpackTrack);
    this.pictures = picturesOf(data.series);
    this.points = data.points;
    this.least = data.least;
    this.chosen = chosen;
    this.from = this.whole[0];
    this.to = Math.max(this.whole[1], this.whole[0] + SHORTEST);
    this.pointed = null;  // {track, row, at} of the box under the mouse
    this.moment = null;  // ns under the mouse
    this.range = null;  // [from, to] that the reader chose
    this.hits = null;  // by label: 1 where it is searched for
    this.selected = null;  // a label
    this.drag = null;
    this.build();
    this.listen();
  }

  build() {
    this.canvas = element("canvas");
    this.marks = element("canvas");  // what follows the mouse: it is drawn without drawing all spans again
    this.layers = element("div", {class: "still"}, this.canvas, this.marks);
    this.spacer = element("div", {class: "long"}, this.layers);
    this.view = element("div", {class: "scene", tabindex: "0", role: "application", "aria-label":
      "Timeline: arrow keys move and zoom, Enter goes to the next match, Escape shows all of it"}, this.spacer);
    this.reading = element("output", {class: "said"});
    this.about = element("span", {class: "shown"});
    this.matched = element("span", {class: "matches"});
    const button = (text, title, act) => {
      const made = element("button", {type: "button", title}, text);
      made.addEventListener("click", act);
      return made;
    };
    this.clear = button("Clear range", "Back to the whole recording", () => this.choose(null));
    this.clear.hidden = true;
    this.buttons = element("span", {class: "zooms"}, this.clear,
      button("−", "Zoom out (−)", () => this.zoomBy(2)), button("+", "Zoom in (+)", () => this.zoomBy(0.5)),
      button("All", "Show all of it (Esc)", () => this.show(...this.whole)));
    this.tip = element("div", {class: "spantip", role: "status", hidden: ""});
    this.root = element("div", {class: "timeline"},
      element("div", {class: "controls"}, this.about, this.matched, this.reading, this.buttons), this.view, this.tip);
  }

  // ---- what is shown ----

  // A range, kept within what there is; a little is enough.
  show(from, to) {
    const [first, last] = this.whole, most = Math.max(last - first, SHORTEST);
    const length = Math.min(most, Math.max(SHORTEST, to - from));
    this.from = Math.max(first, Math.min(from, first + most - length));
    this.to = this.from + length;
    this.draw();
  }

  zoomBy(factor, around) {
    const at = around ?? (this.from + this.to) / 2;
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  moveBy(part) {
    const by = (this.to - this.from) * part;
    this.show(this.from + by, this.to + by);
  }

  choose(range) {
    this.range = range;
    this.clear.hidden = range === null;
    if (range && !this.chosen) {
      this.range = null;
      this.clear.hidden = true;
      this.show(...range);
    } else {
      this.draw();
      if (this.chosen) this.chosen(range);
    }
  }

  timeAt(x) {
    return this.from + (this.to - this.from) * x / (this.width || 1);
  }

  // Searches names; returns how many boxes match.
  search(pattern) {
    this.hits = pattern && Uint8Array.from(this.labels.name, (name) => (pattern.test(name) ? 1 : 0));
    this.matches = null;
    this.step = -1;
    let boxes = 0, spans = 0;
    for (const {rows} of this.hits ? this.tracks : [])
      for (const {label, count} of rows)
        for (let i = 0; i < label.length; i++)
          if (this.hits[label[i]]) {
            boxes++;
            spans += count[i];
          }
    this.matched.textContent = !this.hits ? "" : grouped(boxes) + (boxes === 1 ? " match" : " matches")
      + (spans > boxes ? ", with " + grouped(spans) + " spans" : "");
    this.draw();
    return boxes;
  }

  // Goes to the next box that matches, or to the one before.
  goOn(by) {
    if (!this.hits) return;
    if (!this.matches) {
      this.matches = [];
      this.tracks.forEach((track, number) => track.rows.forEach((row, depth) => {
        for (let i = 0; i < row.label.length; i++) if (this.hits[row.label[i]]) this.matches.push([row.start[i], number, depth, i]);
      }));
      this.matches.sort((a, b) => a[0] - b[0]);
    }
    if (!this.matches.length) return;
    this.step = (this.step + by + this.matches.length) % this.matches.length;
    const [start, number, depth, i] = this.matches[this.step], track = this.tracks[number], row = track.rows[depth];
    track.folded = false;
    this.pointed = {track, depth, at: i};
    const length = this.to - this.from, least = row.length[i] * 3;
    if (start < this.from || start + row.length[i] > this.to || least > length || row.length[i] < length / this.width * 3) {
      const wide = Math.max(SHORTEST, least, Math.min(length, row.length[i] * 200));
      this.show(start - wide / 3, start + wide * 2 / 3);
    }
    const y = this.top.get(track) + LINE.head + depth * LINE.span;
    if (y < this.view.scrollTop + LINE.axis || y + LINE.span > this.view.scrollTop + this.height)
      this.view.scrollTop = Math.max(0, y - this.height / 2);
    this.draw();
    this.say(this.pointed);
  }

  // ---- places ----

  place() {
    this.top = new Map();
    let y = LINE.axis;
    for (const each of [...this.pictures, ...this.tracks]) {
      this.top.set(each, y);
      y += each.rows ? LINE.head + (each.folded ? 0 : each.rows.length * LINE.span) + LINE.gap : LINE.series + LINE.gap;
    }
    this.needed = y;
  }

  // As high as what is in it, or as there is room for.
  fit(most) {
    this.place();
    this.view.style.height = Math.round(Math.min(this.needed + 2, most)) + "px";
    this.draw();
  }

  // ---- drawing ----

  readPaint() {
    const style = getComputedStyle(document.documentElement), paint = {};
    for (const name of ["card", "page", "ink", "dim", "line", "match", "matchText", "frameText", "focus", "hover", "warn"])
      paint[name] = style.getPropertyValue("--" + name).trim();
    paint.dark = matchMedia("(prefers-color-scheme: dark)").matches;
    paint.spans = this.labels.palette.map((colour) => shaded(colour, paint.dark));
    paint.lines = paint.dark ? ["#7aa7ff", "#ffb86b", "#7fd6a4", "#e58fd0", "#c5cbd3"]
      : ["#2563eb", "#c2610c", "#15803d", "#b0308f", "#596270"];
    return paint;
  }

  draw() {
    if (!this.view.isConnected || !this.view.clientWidth) return;
    this.place();
    const ratio = window.devicePixelRatio || 1;
    this.width = this.view.clientWidth;
    this.height = this.view.clientHeight;
    this.scrolled = this.view.scrollTop;
    this.spacer.style.height = Math.max(this.height, this.needed) + "px";
    this.layers.style.height = this.height + "px";
    const size = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    for (const canvas of [this.canvas, this.marks]) {
      if (canvas.width === size[0] && canvas.height === size[1]) continue;
      [canvas.width, canvas.height] = size;
      canvas.style.width = this.width + "px";
      canvas.style.height = this.height + "px";
    }
    this.paint = this.readPaint();
    this.scale = this.width / (this.to - this.from);
    this.context = this.cleared(this.canvas);
    const ticks = this.ticks();
    this.drawGrid(ticks);
    this.pictures.forEach((picture) => this.drawPicture(picture, this.top.get(picture) - this.scrolled));
    this.tracks.forEach((track) => this.drawTrack(track, this.top.get(track) - this.scrolled));
    this.drawPoints();
    this.drawAxis(ticks);
    this.drawMarks();
    this.about.textContent = this.shownWords();
  }

  cleared(canvas) {
    const context = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.textBaseline = "middle";
    return context;
  }

  drawMarks() {
    if (!this.paint) return;
    const base = this.context, context = this.context = this.cleared(this.marks);
    context.beginPath();
    context.rect(0, LINE.axis, this.width, this.height);
    context.save();
    context.clip();
    for (const picture of this.pictures) this.nameLines(picture, this.top.get(picture) - this.scrolled);
    if (this.pointed && !this.pointed.track.folded) this.drawPointed(this.pointed);
    this.drawRange();
    context.restore();
    this.context = base;
  }

  shownWords() {
    const length = this.to - this.from, all = this.whole[1] - this.whole[0];
    const part = length >= all ? "" : duration(Math.round(length)) + " of ";
    return part + duration(Math.round(all)) + (length >= all ? "" : ", from " + moment(this.from, length / 100));
  }

  // Moments at round numbers, not too close.
  ticks() {
    const rough = (this.to - this.from) / Math.max(2, this.width / 110), power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) || 10 * power);
    const found = [];
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) found.push(at);
    return {step, at: found};
  }

  x(ns) {
    return (ns - this.from) * this.scale;
  }

  drawGrid({at}) {
    const {context} = this;
    context.fillStyle = this.paint.line;
    for (const ns of at) context.fillRect(Math.round(this.x(ns)), LINE.axis, 1, this.height);
  }

  drawAxis({at, step}) {
    const {context, paint} = this;
    context.fillStyle = paint.card;
    context.fillRect(0, 0, this.width, LINE.axis);
    context.font = HEAD_FONT;
    for (const ns of at) {
      const words = moment(ns, step), x = Math.round(this.x(ns));
      context.fillStyle = paint.line;
      context.fillRect(x, LINE.axis - 6, 1, 6);
      context.fillStyle = paint.dim;
      if (x + 3 + context.measureText(words).width <= this.width) context.fillText(words, x + 3, LINE.axis / 2 - 1);
    }
    context.fillStyle = paint.line;
    context.fillRect(0, LINE.axis - 1, this.width, 1);
    // Which part of the whole is shown.
    const all = this.whole[1] - this.whole[0] || 1;
    if (this.to - this.from >= all) return;
    context.fillStyle = paint.focus;
    context.fillRect((this.from - this.whole[0]) / all * this.width, LINE.axis - 2,
                     Math.max(3, (this.to - this.from) / all * this.width), 2);
  }

  // ---- series ----

  drawPicture(picture, y) {
    if (y > this.height || y + LINE.series < LINE.axis) return;
    const {context, paint} = this, floor = y + LINE.series;
    const most = picture.lines.reduce((top, {values}) => values.reduce((a, b) => Math.max(a, b), top), 0) || 1;
    picture.lines.forEach(({times, values}, number) => {
      const first = Math.max(0, placeAfter(times, this.from, 0, times.length) - 1);
      const line = new Path2D();
      let at = first;
      for (; at < times.length && (at === first || times[at - 1] < this.to); at++)
        line.lineTo(this.x(times[at]), floor - (LINE.series - 18) * values[at] / most);
      context.strokeStyle = context.fillStyle = paint.lines[number % paint.lines.length];
      context.lineWidth = 1.3;
      context.stroke(line);
      line.lineTo(this.x(times[at - 1]), floor);
      line.lineTo(this.x(times[first]), floor);
      context.globalAlpha = 0.14;
      context.fill(line);
      context.globalAlpha = 1;
    });
    context.fillStyle = paint.line;
    context.fillRect(0, floor, this.width, 1);
  }

  // Names of the lines, with what they were at the moment under the mouse.
  nameLines({unit, lines}, y) {
    if (y > this.height || y + LINE.series < LINE.axis) return;
    const {context, paint} = this;
    let x = 5;
    context.font = HEAD_FONT;
    lines.forEach(({name, times, values}, number) => {
      const at = this.moment === null ? null : Math.max(0, placeAfter(times, this.moment, 0, times.length) - 1);
      const top = values.reduce((a, b) => Math.max(a, b), 0);
      const words = name + "  " + (at === null ? "most " + levelOf(top, unit) : levelOf(values[at], unit));
      const wide = context.measureText(words).width;
      context.globalAlpha = 0.85;
      context.fillStyle = paint.card;
      context.fillRect(x - 3, y + 1, wide + 20, 15);
      context.globalAlpha = 1;
      context.fillStyle = paint.lines[number % paint.lines.length];
      context.fillRect(x, y + 5, 8, 8);
      context.fillStyle = paint.ink;
      context.fillText(words, x + 12, y + 9);
      x += wide + 30;
    });
  }

  // ---- tracks ----

  drawTrack(track, y) {
    const bottom = y + LINE.head + (track.folded ? 0 : track.rows.length * LINE.span);
    if (y > this.height || bottom < LINE.axis) return;
    this.drawHead(track, y);
    if (track.folded) return;
    track.rows.forEach((row, depth) => {
      const top = y + LINE.head + depth * LINE.span;
      if (top < this.height && top + LINE.span > LINE.axis) this.drawRow(row, top);
    });
    this.drawMissing(track, y + LINE.head, bottom);
    this.drawOpen(track, y + LINE.head);
  }

  drawHead(track, y) {
    const {context, paint} = this;
    context.fillStyle = paint.hover;
    context.fillRect(0, y, this.width, LINE.head - 2);
    context.font = HEAD_FONT;
    context.fillStyle = paint.ink;
    context.fillText((track.folded ? "▸ " : "▾ ") + track.name, 5, y + LINE.head / 2 - 1);
    const behind = 5 + context.measureText("▾ " + track.name).width;
    context.fillStyle = paint.dim;
    const processes = new Set(this.tracks.map((each) => each.process)).size;
    const missing = track.missing.reduce((sum, [, , count]) => sum + count, 0);
    const words = [grouped(track.spans) + (track.spans === 1 ? " span" : " spans"),
                   missing ? grouped(missing) + " missing" : "", processes > 1 ? "process " + track.process : ""];
    context.fillText(words.filter(Boolean).join("  ·  "), behind + 12, y + LINE.head / 2 - 1);
  }

  // Boxes narrower than a px are drawn together, px by px, in the colour of the longest.
  drawRow(row, y) {
    const {start, length, label} = row, {scale, from} = this, last = start.length;
    let at = Math.max(0, placeAfter(start, from, 0, last) - 1);
    let px = -1, busy = 0, longest = -1, hit = false;
    const flush = () => {
      if (px >= 0 && longest >= 0) this.drawPixel(px, y, label[longest], Math.min(1, busy), hit);
      px = -1;
    };
    for (; at < last && start[at] < this.to; at++) {
      const x = (start[at] - from) * scale, w = length[at] * scale;
      if (x + w < 0) continue;
      if (w >= 1.5) {
        flush();
        this.drawBox(row, at, x, y, w);
        continue;
      }
      const here = Math.floor(x);
      if (here !== px) {
        flush();
        [px, busy, longest, hit] = [here, 0, at, false];
      }
      busy += w;
      if (length[at] > length[longest]) longest = at;
      if (this.hits !== null && this.hits[label[at]]) hit = true;
    }
    flush();
  }

  drawPixel(x, y, label, busy, hit) {
    const {context, paint} = this;
    context.globalAlpha = hit ? 1 : (this.hits ? 0.3 : 1) * (0.3 + 0.7 * busy);
    context.fillStyle = hit ? paint.match : paint.spans[this.labels.colour[label]];
    context.fillRect(x, y, 1, LINE.span - 1);
    context.globalAlpha = 1;
  }

  drawBox(row, at, x, y, w) {
    const {context, paint} = this, label = row.label[at];
    const hit = (this.hits !== null && this.hits[label] === 1) || label === this.selected;
    const left = Math.max(-2, x), wide = Math.min(this.width + 2, x + w) - left;
    context.globalAlpha = hit || this.hits === null ? 1 : 0.35;
    context.fillStyle = hit ? paint.match : paint.spans[this.labels.colour[label]];
    context.fillRect(left, y, wide > 3 ? wide - 1 : wide, LINE.span - 1);
    if (row.count[at] > 1 && wide > 2) this.drawMergedMark(left, y, wide, row.busy[at] / (row.length[at] || 1));
    context.globalAlpha = 1;
    const inside = Math.floor((wide - 6) / 7.1);
    if (inside < 3) return;
    const name = this.labels.name[label], words = row.count[at] > 1 ? grouped(row.count[at]) + " spans" : name;
    context.font = SPAN_FONT;
    context.fillStyle = hit ? paint.matchText : this.hits !== null ? paint.ink : paint.frameText;
    context.fillText(fit(words, inside), left + 3, y + LINE.span / 2);
  }

  // Several spans that were merged: a lighter box, with its share of time within spans as a bar below.
  drawMergedMark(x, y, w, share) {
    const {context, paint} = this;
    context.fillStyle = paint.card;
    context.globalAlpha *= 0.45;
    context.fillRect(x, y, w > 3 ? w - 1 : w, LINE.span - 4);
    context.globalAlpha /= 0.45;
    context.fillStyle = paint.card;
    context.fillRect(x + (w - 1) * share, y + LINE.span - 4, Math.max(0, (w - 1) * (1 - share)), 3);
  }

  // Where spans are missing, stripes.
  drawMissing(track, top, bottom) {
    const {context, paint} = this;
    for (const [begin, end] of track.missing) {
      const left = Math.max(0, this.x(begin)), right = Math.min(this.width, this.x(end));
      if (right < 0 || left > this.width) continue;
      const wide = Math.max(2, right - left);
      context.save();
      context.beginPath();
      context.rect(left, top, wide, bottom - top);
      context.clip();
      context.strokeStyle = paint.warn;
      context.lineWidth = 1;
      context.globalAlpha = 0.55;
      context.beginPath();
      for (let x = left - (bottom - top); x < left + wide; x += 7) {
        context.moveTo(x, bottom);
        context.lineTo(x + bottom - top, top);
      }
      context.stroke();
      context.restore();
    }
  }

  // A span that had not ended has a torn edge.
  drawOpen(track, top) {
    const {context, paint} = this;
    for (const [start, depth] of track.open) {
      const row = track.rows[depth], at = placeAfter(row.start, start, 0, row.start.length) - 1;
      if (at < 0) continue;
      const x = Math.min(this.x(row.start[at] + row.length[at]), this.width), y = top + depth * LINE.span;
      if (x < 0 || this.x(start) > this.width) continue;
      context.fillStyle = paint.warn;
      context.beginPath();
      context.moveTo(x, y);
      for (let n = 0; n < 4; n++) {
        context.lineTo(x - 5, y + (n + 0.5) * (LINE.span - 1) / 4);
        context.lineTo(x, y + (n + 1) * (LINE.span - 1) / 4);
      }
      context.closePath();
      context.fill();
    }
  }

  drawPointed({track, depth, at}) {
    const {context, paint} = this, row = track.rows[depth], x = this.x(row.start[at]), w = row.length[at] * this.scale;
    const left = Math.max(-2, x), wide = Math.max(2, Math.min(this.width + 2, x + w) - left);
    const y = this.top.get(track) - this.scrolled + LINE.head + depth * LINE.span;
    context.strokeStyle = paint.ink;
    context.lineWidth = 2;
    context.strokeRect(left + 1, y + 1, Math.max(1, wide - 3), LINE.span - 3);
  }

  drawPoints() {
    const {context, paint} = this;
    for (const [, ns, , track] of this.points) {
      const x = this.x(ns), of = this.tracks[track];
      if (x < -4 || x > this.width + 4) continue;
      const y = of ? this.top.get(of) - this.scrolled + LINE.head / 2 - 1 : LINE.axis + 4;
      context.fillStyle = paint.focus;
      context.beginPath();
      context.moveTo(x, y - 5);
      context.lineTo(x + 4, y);
      context.lineTo(x, y + 5);
      context.lineTo(x - 4, y);
      context.closePath();
      context.fill();
    }
  }

  drawRange() {
    const {context, paint} = this, range = this.drag ? this.dragged() : this.range;
    if (this.moment !== null) {
      context.fillStyle = paint.dim;
      context.fillRect(Math.round(this.x(this.moment)), LINE.axis, 1, this.height);
    }
    if (!range) return;
    const left = Math.max(0, this.x(range[0])), right = Math.min(this.width, this.x(range[1]));
    context.globalAlpha = 0.55;
    context.fillStyle = paint.page;
    context.fillRect(0, LINE.axis, left, this.height);
    context.fillRect(right, LINE.axis, this.width - right, this.height);
    context.globalAlpha = 1;
    context.fillStyle = paint.focus;
    context.fillRect(left - 1, LINE.axis, 2, this.height);
    context.fillRect(right - 1, LINE.axis, 2, this.height);
  }

  // ---- what is under the mouse ----

  at(x, y) {
    const below = y + this.scrolled;
    if (y < LINE.axis) return null;
    const track = this.tracks.find((each) => below >= this.top.get(each) &&
      below < this.top.get(each) + LINE.head + (each.folded ? 0 : each.rows.length * LINE.span));
    if (!track) return null;
    const depth = Math.floor((below - this.top.get(track) - LINE.head) / LINE.span);
    if (depth < 0) return {track, depth: -1, at: -1};
    const row = track.rows[depth], ns = this.timeAt(x), near = this.timeAt(Math.floor(x) + 1);
    let found = -1;
    // The longest of those under this px.
    for (let i = placeAfter(row.start, near, 0, row.start.length) - 1; i >= 0; i--) {
      if (row.start[i] + row.length[i] >= ns - 1 / this.scale && (found < 0 || row.length[i] > row.length[found])) found = i;
      if (row.start[i] < ns - 2 / this.scale) break;
    }
    return {track, depth, at: found};
  }

  words({track, depth, at}) {
    const row = track.rows[depth], label = row.label[at], {labels} = this;
    const file = labels.file[label], line = labels.line[label];
    const isOpen = track.open.some(([start, of]) => of === depth && start === row.start[at]);
    const found = [row.count[at] > 1 ? grouped(row.count[at]) + " spans, the longest of " + labels.name[label] : labels.name[label]];
    found.push(row.count[at] > 1 ? duration(row.busy[at]) + " in them, of " + duration(row.length[at])
      : isOpen ? "had not ended after " + duration(row.length[at]) : duration(row.length[at]));
    found.push("after " + moment(row.start[at], Math.max(1, Math.min(row.length[at], (this.to - this.from) / 100) || 1)));
    if (labels.kind[label] !== "function") found.push(labels.kind[label]);
    if (file) found.push(line ? file + ":" + line : file);
    return found;
  }

  say(pointed) {
    const words = pointed && pointed.at >= 0 ? this.words(pointed) : [];
    this.reading.textContent = words.slice(0, 2).join("  ·  ");
    return words;
  }

  point(event) {
    const box = this.view.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const found = this.at(x, y), missing = this.missingAt(found, x), point = this.pointAt(x, y);
    this.moment = this.timeAt(x);
    this.pointed = found && found.at >= 0 ? found : null;
    const words = point || (this.pointed ? this.say(this.pointed) : this.say(null));
    this.fillTip(missing ? [missing, ...words] : words, event);
    this.drawMarks();
  }

  missingAt(found, x) {
    const ns = this.timeAt(x), gap = found && found.track.missing.find(([begin, end]) => ns >= begin && ns <= end);
    return gap ? grouped(gap[2]) + (gap[2] === 1 ? " span is" : " spans are") + " missing here: the room for events was full" : "";
  }

  pointAt(x, y) {
    const point = this.points.find(([, ns, , track]) => {
      const of = this.tracks[track], at = of ? this.top.get(of) - this.scrolled + LINE.head / 2 - 1 : LINE.axis + 4;
      return Math.abs(this.x(ns) - x) < 6 && Math.abs(at - y) < 7;
    });
    return point && [point[0], point[2] === null ? "" : String(point[2]), "after " + moment(point[1], 1000)];
  }

  fillTip(words, event) {
    this.tip.hidden = !words.length;
    if (!words.length) return;
    const [name, ...others] = words;
    this.tip.replaceChildren(element("b", {}, name), ...others.filter(Boolean).map((each) => element("small", {}, each)));
    const box = this.tip.getBoundingClientRect(), below = event.clientY + 20 + box.height < window.innerHeight;
    const left = Math.max(4, Math.min(event.clientX + 14, window.innerWidth - box.width - 6));
    const top = below ? event.clientY + 18 : Math.max(4, event.clientY - box.height - 12);
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  // ---- mouse and keys ----

  dragged() {
    const [a, b] = [this.drag.from, this.drag.to].map((x) => this.timeAt(Math.max(0, Math.min(this.width, x))));
    return a < b ? [a, b] : [b, a];
  }

  listen() {
    const {view} = this, left = (event) => event.clientX - view.getBoundingClientRect().left;
    view.addEventListener("mousedown", (event) => {
      if (event.button === 0) this.drag = {from: left(event), to: left(event)};
    });
    view.addEventListener("mousemove", (event) => {
      if (this.drag) this.drag.to = left(event);
      this.point(event);
    });
    view.addEventListener("mouseleave", () => {
      this.moment = this.pointed = null;
      this.tip.hidden = true;
      this.drawMarks();
    });
    window.addEventListener("mousemove", (event) => {
      if (!this.drag || view.contains(event.target)) return;
      this.drag.to = left(event);
      this.drawMarks();
    });
    window.addEventListener("mouseup", (event) => this.letGo(event));
    view.addEventListener("dblclick", () => {
      if (!this.pointed) return;
      const row = this.pointed.track.rows[this.pointed.depth], at = this.pointed.at, edge = row.length[at] * 0.02 + 1;
      this.show(row.start[at] - edge, row.start[at] + row.length[at] + edge);
    });
    view.addEventListener("wheel", (event) => this.wheel(event, left(event)), {passive: false});
    view.addEventListener("scroll", () => this.draw());
    view.addEventListener("keydown", (event) => {
      const act = this.keys()[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      act(event);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  keys() {
    return {
      "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "w": () => this.zoomBy(0.5), "ArrowUp": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2), "s": () => this.zoomBy(2), "ArrowDown": () => this.zoomBy(2),
      "ArrowLeft": () => this.moveBy(-0.25), "a": () => this.moveBy(-0.25),
      "ArrowRight": () => this.moveBy(0.25), "d": () => this.moveBy(0.25),
      "Enter": (event) => this.goOn(event.shiftKey ? -1 : 1),
      "Escape": () => {
        this.selected = null;
        if (this.range) this.choose(null);
        this.show(...this.whole);
      },
    };
  }

  letGo(event) {
    if (!this.drag) return;
    const range = this.dragged(), far = Math.abs(this.drag.to - this.drag.from) >= DRAGGED;
    this.drag = null;
    if (far) this.choose(range);
    else if (this.view.contains(event.target)) this.click(event);
  }

  // A click marks all spans of a function; on a track's name it folds the track.
  click(event) {
    const box = this.view.getBoundingClientRect(), found = this.at(event.clientX - box.left, event.clientY - box.top);
    if (found && found.depth < 0) {
      found.track.folded = !found.track.folded;
    } else if (found && found.at >= 0) {
      const label = found.track.rows[found.depth].label[found.at];
      this.selected = this.selected === label ? null : label;
    } else this.selected = null;
    this.draw();
  }

  // With Ctrl it zooms, sideways it moves; else the page scrolls.
  wheel(event, x) {
    if (event.ctrlKey || event.metaKey) this.zoomBy(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), this.timeAt(x));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      this.moveBy((event.deltaX || event.deltaY) / this.width);
    else return;
    event.preventDefault();
  }
}
