// Makes the picture above live: zoom, search, details. DATA holds the frames in the order they are drawn.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg", HTML = "http://www.w3.org/1999/xhtml";
  const NAME = 0, LEFT = 1, DEPTH = 2, TOTAL = 3, OWN = 4, COUNT = 5, PARENT = 6;
  const SMALLEST = 0.1;  // px: narrower frames are not drawn
  const root = document.documentElement, frames = DATA.frames;
  // Of a differential picture, left, total and own of before and of after: frames have those of one.
  const sides = DATA.sides || null;
  let whole = frames[0][TOTAL] || 1, side = 1;
  const groups = Array.from(document.getElementById("frames").children);
  const rects = groups.map((g) => g.firstElementChild);
  const texts = groups.map((g) => g.children[1] || null);
  const details = document.getElementById("details"), matched = document.getElementById("matched");
  let zoomed = 0, pattern = null, searching = "";

  const nameOf = (i) => DATA.names[frames[i][NAME]][0];
  // Two decimals: of a frame alone, its share is all there is to read.
  const share = (value, of) => fixed(100 * value / (of || 1), 2) + "%";

  function describe(i) {
    const [number, , , total, own, count] = frames[i];
    const [name, where] = DATA.names[number];
    const parts = [amount(total, DATA.unit) + " (" + share(total, whole) + ")"];
    if (zoomed && i !== zoomed) parts.push(share(total, frames[zoomed][TOTAL]) + " of zoomed");
    if (i) parts.push("self " + amount(own, DATA.unit));
    if (sides) parts.push(compared(i));
    if (count) parts.push(grouped(count) + " " + DATA.counted[count === 1 ? 0 : 1]);
    if (where) parts.push(where);
    return [name, parts.join("  ·  ")];
  }

  function compared(i) {
    const [before, after] = sides.map(([, totals]) => totals[i]);
    const rise = after - before;
    const part = !before ? "new" : !after ? "gone" : (rise < 0 ? "-" : "+") + share(Math.abs(rise), before);
    return amount(before, DATA.unit) + " before, " + amount(after, DATA.unit) + " after: " + (rise ? part : "the same");
  }

  // ---- drawing ----
  const pixels = () => root.clientWidth || root.getBoundingClientRect().width || 1200;
  function label(i, width, left) {
    const shown = fit(nameOf(i), Math.floor((width - 6) / DATA.character));
    let text = texts[i];
    if (!shown) {
      if (text) text.textContent = "";
      return;
    }
    if (!text) {
      text = texts[i] = document.createElementNS(SVG, "text");
      text.setAttribute("dx", 3);
      text.setAttribute("y", +rects[i].getAttribute("y") + 13);
      groups[i].appendChild(text);
    }
    text.setAttribute("x", left);
    text.textContent = shown;
  }
  function draw() {
    const all = pixels(), from = frames[zoomed][LEFT], span = frames[zoomed][TOTAL] || 1, to = from + span;
    const above = new Set();
    for (let i = zoomed; i; i = frames[i][PARENT]) above.add(frames[i][PARENT]);
    frames.forEach((frame, i) => {
      let x = (frame[LEFT] - from) / span, w = frame[TOTAL] / span;
      if (above.has(i)) [x, w] = [0, 1];
      const outside = !above.has(i) && (frame[LEFT] >= to || frame[LEFT] + frame[TOTAL] <= from ||
                                        frame[DEPTH] < frames[zoomed][DEPTH]);
      if (outside || w * all < SMALLEST) {
        groups[i].style.display = "none";
        return;
      }
      groups[i].style.display = "";
      groups[i].setAttribute("class", above.has(i) ? "above" : "");
      const left = (100 * x).toFixed(4) + "%";
      rects[i].setAttribute("x", left);
      rects[i].setAttribute("width", (100 * w).toFixed(4) + "%");
      // A border would hide what is hardly wider.
      if (w * all > 3) rects[i].setAttribute("stroke", "#fff");
      else rects[i].removeAttribute("stroke");
      label(i, w * all, left);
    });
    unzoom.setAttribute("visibility", zoomed ? "visible" : "hidden");
    place(all);
  }

  // ---- the widths of before, or of after ----
  function turn(to) {
    side = to;
    const [left, total, own] = sides[side];
    frames.forEach((frame, i) => [frame[LEFT], frame[TOTAL], frame[OWN]] = [left[i], total[i], own[i]]);
    whole = frames[0][TOTAL] || 1;
    if (!frames[zoomed][TOTAL]) zoomed = 0;
    details.dataset.note = amount(whole, DATA.unit) + " a run " + (side ? "after" : "before");
    show(zoomed || null);
    turner.querySelector("text").textContent = side ? "Widths: after" : "Widths: before";
    draw();
    search(searching);
  }

  // ---- search ----
  function search(query) {
    searching = query;
    try { pattern = query ? new RegExp(query, "i") : null; }
    catch { pattern = new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
    const hit = DATA.names.map(([name]) => pattern !== null && pattern.test(name));
    const below = new Uint8Array(frames.length);  // has a match above: it would count twice
    let sum = 0, count = 0;
    frames.forEach((frame, i) => {
      const is = i > 0 && hit[frame[NAME]], parent = frame[PARENT];
      below[i] = i > 0 && (below[parent] || (parent > 0 && hit[frames[parent][NAME]])) ? 1 : 0;
      rects[i].setAttribute("class", is ? "match" : "");
      if (is) count++;
      if (is && !below[i]) sum += frame[TOTAL];
    });
    matched.textContent = pattern ? "matched " + share(sum, whole) + ", " + amount(sum, DATA.unit) + " in " +
      grouped(count) + (count === 1 ? " frame" : " frames") : "";
    remember();
  }

  // ---- the address remembers what is shown ----
  function remember() {
    const parts = [];
    if (zoomed) parts.push("zoom=" + zoomed);
    if (sides && !side) parts.push("before=1");
    if (searching) parts.push("search=" + encodeURIComponent(searching));
    try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* not allowed here: not needed */ }
  }
  function recall() {
    const wanted = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
    const frame = Number(wanted.get("zoom") || 0);
    zoomed = Number.isInteger(frame) && frame > 0 && frame < frames.length ? frame : 0;
    let query = wanted.get("search") || "";
    try { query = decodeURIComponent(query); } catch { /* as it stands */ }
    box.value = query;
    if (sides) turn(wanted.has("before") ? 0 : 1);
    search(query);
    draw();
  }
  function zoom(i) {
    zoomed = i;
    draw();
    show(i);
    remember();
  }

  // ---- details ----
  function show(i) {
    const [name, facts] = i === null ? ["", details.dataset.note] : describe(i);
    details.textContent = name ? name + "  ·  " + facts : facts;
  }
  const tip = document.createElementNS(SVG, "title");
  const at = new Map(rects.map((rect, i) => [rect, i]));
  const area = document.getElementById("frames");
  area.addEventListener("mouseover", (event) => {
    const i = at.get(event.target);
    if (i === undefined) return;
    tip.textContent = describe(i).join("\n").replaceAll("  ·  ", "\n");
    groups[i].appendChild(tip);
    show(i);
  });
  area.addEventListener("mouseleave", () => show(zoomed || null));
  area.addEventListener("click", (event) => {
    const i = at.get(event.target);
    if (i !== undefined) zoom(i);
  });

  // ---- controls ----
  const controls = document.getElementById("controls");
  controls.setAttribute("visibility", "visible");
  const unzoom = document.createElementNS(SVG, "g");
  unzoom.setAttribute("class", "button");
  unzoom.setAttribute("id", "unzoom");
  unzoom.innerHTML = '<rect width="92" height="24" rx="4"/><text x="46" y="16" text-anchor="middle">Reset zoom</text>';
  unzoom.addEventListener("click", () => zoom(0));
  const turner = document.createElementNS(SVG, "g");
  turner.setAttribute("class", "button");
  turner.setAttribute("id", "turner");
  turner.innerHTML = '<rect width="112" height="24" rx="4"/><text x="56" y="16" text-anchor="middle"></text>';
  turner.addEventListener("click", () => turn(1 - side));
  if (sides) controls.append(turner);
  const holder = document.createElementNS(SVG, "foreignObject");
  holder.setAttribute("width", 220);
  holder.setAttribute("height", 26);
  const box = document.createElementNS(HTML, "input");
  box.id = "query";
  box.setAttribute("placeholder", "Search (/), regular expression");
  box.addEventListener("input", () => search(box.value));
  holder.appendChild(box);
  controls.append(unzoom, holder);
  function place(all) {
    holder.setAttribute("x", Math.max(10, all - 232));
    holder.setAttribute("y", 10);
    unzoom.setAttribute("transform", "translate(" + Math.max(10, all - 336) + ",11)");
    turner.setAttribute("transform", "translate(" + Math.max(10, all - 460) + ",11)");
  }
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      box.value = "";
      box.blur();
      search("");
      zoom(0);
      show(null);
    } else if ((event.key === "f" && (event.ctrlKey || event.metaKey)) ||
               (event.key === "/" && document.activeElement !== box)) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });
  const head = document.getElementById("head");
  window.addEventListener("scroll", () => head.setAttribute("transform", "translate(0," + window.scrollY + ")"));
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", recall);
  recall();
  if (!DATA.icicle) window.scrollTo(0, +root.dataset.height);  // the root is at the bottom
})();
