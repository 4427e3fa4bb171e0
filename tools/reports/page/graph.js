// One flame graph on a canvas: which frames are wide enough to see, drawing them, and finding them under the mouse.
"use strict";

const ROW = 18;  // px, a frame and the gap below it
const LEAST = 0.5;  // px: narrower frames are not drawn
const FONT = '12px ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace';
const CHARACTER = (() => {
  const context = document.createElement("canvas").getContext("2d");
  context.font = FONT;
  return context.measureText("mmmmmmmmmm").width / 10;
})();

function legendOf(measure) {
  const items = measure.legend.map(([words, colour]) => {
    const dot = element("i");
    dot.style.background = colour;
    return element("span", {}, dot, words);
  });
  return element("div", {class: "legend"}, ...items, element("span", {}, element("i", {class: "sliver"}), "too narrow"));
}

class Graph {
  constructor(measure) {
    this.measure = measure;
    this.zoom = 0;
    this.rows = 1;
    this.scrolled = 0;
    this.nodes = new Uint32Array(4096);  // the frames that are drawn, and where
    this.x = new Float32Array(4096);
    this.w = new Float32Array(4096);
    this.count = 0;
    this.slivers = [];  // runs of siblings too narrow to draw, as {parent, depth, x, w}
    this.build();
  }

  build() {
    const {measure} = this;
    this.fold = element("button", {type: "button", class: "fold", "aria-expanded": "true",
                                   title: "Collapse or expand"}, "▾");
    this.matched = element("span", {class: "matched"});
    this.reading = element("output", {class: "reading"});
    this.note = element("span", {class: "note"});
    const dot = element("i", {class: "dot"});
    dot.style.background = measure.accent;
    const title = element("h2", {title: measure.title}, measure.mode);
    this.whole = element("span", {class: "whole"});
    const head = element("div", {class: "head"}, this.fold, dot, title,
                         this.whole, this.matched, this.note, this.reading);
    this.base = element("canvas");
    this.marks = element("canvas");
    this.layers = element("div", {class: "layers"}, this.base, this.marks);
    this.spacer = element("div", {class: "spacer"}, this.layers);
    this.view = element("div", {class: "view", tabindex: "0", role: "application",
                                "aria-label": "Flame graph, " + measure.title + ": arrow keys move between frames"},
                        this.spacer);
    this.body = element("div", {class: "body"}, this.view, legendOf(measure));
    this.root = element("article", {class: "graph", "data-measure": measure.name}, head, this.body);
  }

  // ---- which frames are seen ----

  // A frame, or where it has nothing of this measure its nearest caller that has.
  nearest(node) {
    while (node && !this.measure.total[node]) node = NODES.parent[node];
    return node;
  }

  // Chooses the frames to draw: those below the zoomed one, and its callers above it at full width.
  layout(node) {
    const {total, left} = this.measure, {depth, end} = NODES;
    const zoom = this.zoom = this.nearest(node);
    this.width = this.view.clientWidth;
    this.scale = this.width / (total[zoom] || 1);
    this.count = 0;
    this.slivers = [];
    for (const above of pathTo(zoom)) if (above !== zoom) this.add(above, 0, this.width);
    let deepest = depth[zoom];
    for (let i = zoom; i < end[zoom];) {
      const w = total[i] * this.scale, x = (left[i] - left[zoom]) * this.scale;
      if (w < LEAST && i !== zoom) {
        if (w) this.addSliver(i, x, w);
        i = end[i];
        continue;
      }
      this.add(i, x, i === zoom ? this.width : w);
      if (depth[i] > deepest) deepest = depth[i];
      i++;
    }
    for (const sliver of this.slivers) if (sliver.w >= LEAST && sliver.depth > deepest) deepest = sliver.depth;
    this.rows = deepest + 1;
    this.note.textContent = zoom === node ? rangeNote(this.measure) : "nothing in the zoomed frame; its caller is shown";
  }

  // As high as its rows, whatever is zoomed; of many, so many px.
  fitHeight(most) {
    this.layout(0);
    this.view.style.height = Math.round(Math.min(Math.max(2, this.rows) * ROW, most)) + "px";
    const {measure} = this, words = measure.name === measure.mode ? "" : measure.title + " ";
    const idle = hasIdle && !IN_FULL.idle && measure.everything > measure.whole;
    this.whole.textContent = words + amount(measure.total[0], measure.unit) + (idle ? " without idle" : "");
  }

  add(node, x, w) {
    if (this.count === this.nodes.length) this.grow();
    this.nodes[this.count] = node;
    this.x[this.count] = x;
    this.w[this.count++] = w;
  }

  // Narrow siblings side by side are one shape without a name: a thousand of them may be most of the picture.
  addSliver(node, x, w) {
    const last = this.slivers[this.slivers.length - 1], parent = NODES.parent[node];
    if (last && last.parent === parent && x - last.x - last.w < 0.01) last.w = x + w - last.x;
    else this.slivers.push({parent, depth: NODES.depth[node], x, w});
  }

  grow() {
    for (const name of ["nodes", "x", "w"]) {
      const longer = new this[name].constructor(this.count * 2);
      longer.set(this[name]);
      this[name] = longer;
    }
  }

  // ---- drawing ----

  // Fits the canvases to the view. They stay in it while the page scrolls inside: only what is seen is drawn.
  fitCanvases() {
    this.height = this.view.clientHeight;
    this.spacer.style.height = Math.max(this.height, this.rows * ROW) + "px";
    this.layers.style.height = this.height + "px";
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.base, this.marks]) {
      const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        canvas.style.width = this.width + "px";
        canvas.style.height = this.height + "px";
      }
    }
  }

  // The y of a depth in the view; the root at the top, or at the bottom of at least the view.
  top(depth) {
    const bottom = Math.max(this.rows * ROW, this.height);
    return (STATE.flame ? bottom - (depth + 1) * ROW : depth * ROW) - this.scrolled;
  }

  cleared(canvas) {
    const context = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  draw() {
    if (this.collapsed) return;
    this.fitCanvases();
    this.scrolled = this.view.scrollTop;  // read once: it may cost a layout of the page
    const context = this.cleared(this.base), {depth, label} = NODES, above = depth[this.zoom];
    const colours = this.colours(), {colourOf} = this.measure;
    context.font = FONT;
    context.textBaseline = "middle";
    this.drawSlivers(context);
    for (let at = 0; at < this.count; at++) {
      const node = this.nodes[at], y = this.top(depth[node]);
      if (y < -ROW || y > this.height) continue;
      const hit = STATE.hits !== null && node > 0 && STATE.hits[label[node]] === 1;
      // Callers of the zoomed frame, and what does not match, step back; their names stay legible.
      context.globalAlpha = hit ? 1 : depth[node] < above ? 0.45 : STATE.hits !== null ? 0.4 : 1;
      context.fillStyle = hit ? PAINT.match : colours[colourOf[label[node]]];
      const w = this.w[at];
      // A gap would hide what is hardly wider.
      context.fillRect(this.x[at], y, w > 3 ? w - 1 : w, ROW - 1);
      context.globalAlpha = Math.max(context.globalAlpha, 0.8);
      this.write(context, node, this.x[at], y, w, hit);
    }
    context.globalAlpha = 1;
    this.drawMarks();
  }

  drawSlivers(context) {
    context.fillStyle = PAINT.sliver;
    for (const {depth, x, w} of this.slivers) if (w >= LEAST) context.fillRect(x, this.top(depth), w, ROW - 1);
  }

  colours() {
    if (this.dark !== PAINT.dark) {
      this.dark = PAINT.dark;
      this.shades = this.measure.palette.map((colour) => shaded(colour, PAINT.dark));
    }
    return this.shades;
  }

  write(context, node, x, y, w, hit) {
    const letters = Math.floor((w - 7) / CHARACTER);
    if (letters < 3) return;
    context.fillStyle = hit ? PAINT.matchText : PAINT.frameText;
    context.fillText(fit(LABELS.name[NODES.label[node]], letters), x + 3, y + ROW / 2);
  }

  // Marks, over the frames: frames of the pointed one's function softly, the very frame strongly.
  drawMarks() {
    if (this.collapsed) return;
    const context = this.cleared(this.marks), node = STATE.pointed;
    if (node === null) return;
    const {label, depth} = NODES;
    context.strokeStyle = PAINT.mark;
    context.fillStyle = PAINT.soft;
    context.lineWidth = 1;
    for (let at = 0; at < this.count; at++) {
      const other = this.nodes[at];
      if (label[other] !== label[node] || other === node) continue;
      const y = this.top(depth[other]);
      if (y < -ROW || y > this.height) continue;
      context.fillRect(this.x[at], y, this.w[at], ROW - 1);
      if (this.w[at] > 3) context.strokeRect(this.x[at] + 0.5, y + 0.5, this.w[at] - 2, ROW - 2);
    }
    this.markStrongly(context, node);
  }

  // However narrow the frame is here, its place is marked: that it is narrow is what one wants to see. Where it has
  // nothing, as a line has no time, its nearest caller that has is marked, with dashes.
  markStrongly(context, node) {
    const shown = this.nearest(node), place = this.place(shown);
    if (!place || (shown === 0 && node !== 0)) return;
    const w = Math.max(place.w, 2);
    context.lineWidth = 2;
    context.setLineDash(shown === node ? [] : [4, 3]);
    context.fillStyle = PAINT.strong;
    if (shown === node) context.fillRect(place.x, place.y, w, ROW - 1);
    context.strokeRect(place.x + 1, place.y + 1, Math.max(w - 3, 1), ROW - 3);
    context.setLineDash([]);
  }

  // Where a frame is in the view, if it has something of this measure and is not beside the zoomed one.
  place(node) {
    const {total, left} = this.measure, y = this.top(NODES.depth[node]);
    if (isBelow(this.zoom, node)) return {x: 0, y, w: this.width};
    if (!isBelow(node, this.zoom) || !total[node]) return null;
    return {x: (left[node] - left[this.zoom]) * this.scale, y, w: total[node] * this.scale};
  }

  // ---- the mouse ----

  frameAt(x, y) {
    for (let at = 0; at < this.count; at++) {
      const top = this.top(NODES.depth[this.nodes[at]]);
      if (y >= top && y < top + ROW && x >= this.x[at] && x < this.x[at] + this.w[at]) return this.nodes[at];
    }
    return null;
  }

  // ---- the words above it ----

  // What the pointed frame has in this measure.
  read(node) {
    const {total, unit} = this.measure;
    this.reading.textContent = node === null ? "" : !total[node] ? "none"
      : amount(total[node], unit) + "  " + percent(total[node], this.measure.whole);
  }

  // The share of all matching frames; what lies below a match is in the match.
  showMatches() {
    this.matched.textContent = "";
    if (STATE.hits === null) return;
    const {total, unit} = this.measure, {label, end, count} = NODES;
    let sum = 0;
    for (let i = 1; i < count;) {
      const hit = STATE.hits[label[i]] === 1;
      if (hit) sum += total[i];
      i = hit || !total[i] ? end[i] : i + 1;
    }
    this.matched.textContent = "matched " + percent(sum, this.measure.whole) + ", " + amount(sum, unit);
  }

  // Scrolls as far as it takes to see a frame, from the root's end of the graph or from where it is.
  scrollTo(node, home) {
    const bottom = Math.max(0, this.rows * ROW - this.height);
    if (home) this.scrolled = STATE.flame ? bottom : 0;
    const y = this.top(NODES.depth[node]);
    if (y < 0) this.scrolled += y;
    else if (y + ROW > this.height) this.scrolled += y + ROW - this.height;
    if (this.view.scrollTop === this.scrolled) return;
    this.view.scrollTop = this.scrolled;
    this.draw();
  }
}
