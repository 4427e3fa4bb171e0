// The process over time: a curve each of memory and CPU, with the figures of the moment under the mouse.
"use strict";

const CURVE = {width: 1000, height: 30};

function shape(tag, attributes) {
  const made = document.createElementNS(byId("picture").content.firstElementChild.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const curveAmount = (value, unit) => (unit === "%" ? grouped(value) + "% of a CPU" : amount(value, unit));

// The point of a curve that is next to a moment.
function nearestPoint(points, ns) {
  let best = points[0];
  for (const point of points) if (Math.abs(point[0] - ns) < Math.abs(best[0] - ns)) best = point;
  return best;
}

function curve({title, unit, points}, last) {
  const most = points.reduce((largest, [, value]) => Math.max(largest, value), 0);
  const x = (ns) => (CURVE.width * ns / (last || 1)).toFixed(1);
  const y = (value) => (CURVE.height - (CURVE.height - 2) * value / (most || 1)).toFixed(1);
  const line = points.map(([ns, value]) => x(ns) + "," + y(value)).join(" ");
  const words = "most " + curveAmount(most, unit), said = element("output", {}, words);
  const mark = shape("line", {y1: 0, y2: CURVE.height, class: "mark", visibility: "hidden"});
  const picture = shape("svg", {viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, preserveAspectRatio: "none", role: "img",
                                "aria-label": title + " over time, " + words});
  const floor = ` ${x(points[points.length - 1][0])},${CURVE.height} ${x(points[0][0])},${CURVE.height}`;
  picture.append(shape("polygon", {points: line + floor}), shape("polyline", {points: line}), mark);
  picture.addEventListener("mousemove", (event) => {
    const box = picture.getBoundingClientRect();
    const [ns, value] = nearestPoint(points, last * (event.clientX - box.left) / (box.width || 1));
    for (const name of ["x1", "x2"]) mark.setAttribute(name, x(ns));
    mark.setAttribute("visibility", "visible");
    said.textContent = curveAmount(value, unit) + " after " + duration(ns);
  });
  picture.addEventListener("mouseleave", () => {
    mark.setAttribute("visibility", "hidden");
    said.textContent = words;
  });
  return element("figure", {}, element("figcaption", {}, title + " ", said), picture);
}

function showStrip() {
  const curves = DATA.curves, last = Math.max(0, ...curves.map(({points}) => points[points.length - 1][0]));
  byId("strip").hidden = !curves.length;
  byId("strip").append(...curves.map((each) => curve(each, last)));
}
