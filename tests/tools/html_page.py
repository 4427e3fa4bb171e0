"""Makes the HTML report of a capture in the working directory, reads its data, and runs scripts in it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import browser
import pytest
from prof.tools.cli import main

needs_browser = pytest.mark.skipif(browser.CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")
Drive = Callable[..., Any]


def page(*arguments: str) -> str:
    assert main(["report", "--format", "html", "-o", "out.html", *arguments]) == 0
    return Path("out.html").read_text("utf-8")


def data_of(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(re.search(r'<script type="application/json" id="data">(.*)</script>', text)[1])
    return data


def numbers(text: str) -> list[int]:
    """Varints, read as one would explain them."""
    found, value, shift = [], 0, 0
    for byte in base64.b64decode(text):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value, shift = 0, 0
    return found


def names_of(data: dict[str, Any]) -> list[str]:
    return [data["labels"]["strings"][number] for number in numbers(data["labels"]["name"])]


HELPERS = """
const fire = (target, kind, more) => target.dispatchEvent(new (more && more.key ? KeyboardEvent : MouseEvent)(
  kind, {bubbles: true, cancelable: true, ...more}));
const frame = (name) => NODES.label.findIndex((label) => LABELS.name[label] === name);
const text = (query) => Array.from(document.querySelectorAll(query), (each) => each.textContent);
const key = (name) => fire(document.activeElement, "keydown", {key: name});
const box = (graph) => graph.view.getBoundingClientRect();
function mouse(graph, node, kind) {
  const place = graph.place(node);
  fire(graph.view, kind, {clientX: box(graph).left + place.x + place.w / 2, clientY: box(graph).top + place.y + 5});
}
// Whether there is a mark in the middle of a frame.
function marked(graph, node) {
  const place = graph.place(node);
  if (!place) return null;
  return graph.marks.getContext("2d").getImageData(place.x + Math.min(4, place.w / 2), place.y + 8, 1, 1).data[3] > 0;
}
const painted = (graph, node) => {
  const place = graph.place(node);
  return Array.from(graph.base.getContext("2d").getImageData(place.x + 1, place.y + 2, 1, 1).data.slice(0, 3));
};
function unfold() {
  for (const box of document.querySelectorAll("#folds input")) if (!box.checked) box.click();
}
const [TIME, MEMORY] = GRAPHS, LOG = {};
"""


def driven(script: str, *arguments: str, helpers: str = HELPERS, **more: Any) -> Any:
    """Runs a script in the page, once it is there, and returns what it put into LOG."""
    text = page(*arguments)
    ending = "document.documentElement.dataset.log = JSON.stringify(LOG);"
    body = f"<script>{helpers}window.addEventListener('load', () => {{{script}\n{ending}}});</script></body>"
    Path("out.html").write_text(text.replace("</body>", body), "utf-8")
    found = re.search(r'data-log="([^"]*)"', browser.dump_dom(Path("out.html").resolve(), **more))
    assert found, "the script failed"
    return json.loads(html.unescape(found[1]))
