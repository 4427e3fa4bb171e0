"""What happened when, as the page has it: the process over time, and of captures with events the spans by thread, with
what graphs and tables need to be narrowed to a range of time."""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from prof.capture import NO_LABEL, Capture, Label, Tree
from prof.modes import Measure
from prof.tools.analysis.timeline import Range, document, end_of, timeline, without_spans
from prof.tools.modes import families
from prof.tools.screen.colours import colour
from prof.tracks import Columns, Stretches

MOST_BOXES = 250_000
# Stretches that a recording is divided into, and figures of all contexts together that this may come to.
FINEST, COARSEST, MOST_FIGURES = 400, 20, 2_000_000
THEME = ""
"""The colours: those of the first mode, which is times."""
COLUMN = "self_ns"
"""What events tell by range."""


def over_time(capture: Capture) -> dict[str, Any] | None:
    """The timeline; None where nothing is known of when anything was."""
    events = capture.events()
    return without_spans(capture) if events is None else document(timeline(events, None, MOST_BOXES), _colour)


def _colour(label: Label) -> str:
    return colour(label.name, label.kind, label.module, families(THEME))


# ---- what each context had when ----


def stretches(capture: Capture, tree: Tree, order: Sequence[int], measures: Sequence[Measure]) -> dict[str, Any] | None:
    """By context of the page, its own time in each of many stretches of time, and the calls that began in it; None
    without events."""
    events = capture.events()
    measure = next((number for number, each in enumerate(measures) if each.column == COLUMN), None)
    if events is None or measure is None:
        return None
    between: Range = (0, max(1, end_of(events)))
    number = max(COARSEST, min(FINEST, MOST_FIGURES // max(1, len(order))))
    found = Stretches(len(order), between, number)
    shape = _Shape(tree, order, [label.index for label in events.labels])
    for track in events.tracks:
        found.add(Columns(track), shape.child, shape.sibling, shape.of, shape.into)
    return {
        "measure": measure,
        "between": list(between),
        "count": number,
        "own": _sparse(found.own_ns, len(order), number),
        "calls": _sparse(found.calls, len(order), number),
    }


class _Shape:
    """A tree as `Stretches` takes it."""

    def __init__(self, tree: Tree, order: Sequence[int], labels: Sequence[int]) -> None:
        count = tree.count
        self.child, self.sibling, self.into = (array("I", bytes(4 * count)) for _ in range(3))
        for node in range(count - 1, 0, -1):
            above = tree.parent[node]
            self.sibling[node], self.child[above] = self.child[above], node
        place = {label: number for number, label in enumerate(labels)}
        no_label = NO_LABEL
        self.of = array(
            "I",
            (
                no_label if line else place.get(label, no_label)
                for line, label in zip(tree.line, tree.label, strict=True)
            ),
        )
        shown = {node: at for at, node in enumerate(order)}
        for node in range(1, count):
            self.into[node] = shown.get(node, self.into[tree.parent[node]])


def _sparse(figures: Any, contexts: int, stretches: int) -> str:
    """By context, how many stretches have something; then of each how far it is behind the last, and how much."""
    out = bytearray()

    def put(value: int) -> None:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)

    for context in range(contexts):
        row = list(figures[context * stretches : (context + 1) * stretches])
        there = [(at, value) for at, value in enumerate(row) if value]
        put(len(there))
        last = 0
        for at, value in there:
            put(at - last)
            put(value)
            last = at
    return b64encode(out).decode("ascii")
