"""What happened when, as the page has it: the process over time, and of captures with events the spans by thread, with
what graphs and tables need to be narrowed to a range of time."""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen
from prof.capture import NO_LABEL, Capture, Label, Tree
from prof.modes import Measure
from prof.tools.analysis.timeline import Range, document, end_of, events_of, series_document, timeline
from prof.tools.modes import families
from prof.tools.screen.colours import colour
from prof.tools.screen.units import duration
from prof.tracks import Columns, Stretches

MOST = 600
"""Moments of a curve; of more, the largest of several stands for them."""
MOST_BOXES = 250_000
# Stretches that a recording is divided into, and figures of all contexts together that this may come to.
FINEST, COARSEST, MOST_FIGURES = 400, 20, 2_000_000
THEME = ""
"""The colours: those of the first mode, which is times."""
COLUMN = "self_ns"
"""What events tell by range."""

Curve = Sequence[tuple[int, int]]


@frozen
class Series:
    """What was measured over time."""

    name: str
    unit: str
    times_ns: Sequence[int]
    values: Sequence[int]


def curves(capture: Capture) -> Iterator[Series]:
    """The process over time: memory, the CPU that it took, what it read and wrote."""
    moments, took = capture.series, capture.process
    found: list[tuple[str, str, Curve]] = [
        ("resident", "B", [(m.ns, m.rss_bytes) for m in moments]),
        ("arenas", "B", [(m.ns, m.arena_bytes) for m in moments]),
        ("live", "B", [(m.ns, m.live_bytes) for m in moments]),
        ("CPU", "%", _rate([(m.ns, m.user_ns + m.system_ns) for m in took], 100)),
        ("read", "B/s", _rate([(m.ns, m.read_bytes) for m in took], 10**9)),
        ("written", "B/s", _rate([(m.ns, m.written_bytes) for m in took], 10**9)),
    ]
    for name, unit, points in found:
        if len(points) > 2 and any(value for _, value in points):
            few = thinned(points, MOST)
            yield Series(name, unit, [ns for ns, _ in few], [value for _, value in few])


def _rate(spent: Curve, scale: int) -> list[tuple[int, int]]:
    """What was spent a nanosecond, times `scale`, from each moment to the next; each stands where its time ends."""
    pairs = pairwise(spent)
    found = [(b, round(scale * (after - before) / (b - a))) for (a, before), (b, after) in pairs if b > a]
    return [(spent[0][0], found[0][1]), *found] if found else []


def thinned(points: Curve, most: int) -> list[tuple[int, int]]:
    """At most so many of the points: the largest of as many as stand together."""
    step = -(-len(points) // most)
    return [max(points[at : at + step], key=lambda point: point[1]) for at in range(0, len(points), step)]


def over_time(capture: Capture) -> dict[str, Any] | None:
    """The timeline; None where nothing is known of when anything was."""
    events = events_of(capture)
    lines = list(curves(capture))
    if events is None:
        if not lines:
            return None
        between = (0, max(line.times_ns[-1] for line in lines))
        found: dict[str, Any] = {
            "kinds": [], "start_ms": capture.start_unix_ns / 1e6, "between": list(between), "least": 0, "spans": 0,
            "boxes": 0, "labels": _NO_LABELS, "tracks": [], "points": [], "notes": [],
            "series": [series_document(each, between) for each in lines],
        }  # fmt: skip
        return found
    shown = timeline(events, None, MOST_BOXES)
    found = document(shown, _colour)
    known = {each["name"] for each in found["series"]}
    units = {each["unit"] for each in found["series"]}
    # What events have of the process is on the same clock as they are, and so comes first.
    more = [each for each in lines if each.name not in known and each.unit not in units]
    found["series"] += [series_document(each, shown.between) for each in more]
    missing = sum(count for row in shown.rows for _, _, count in row.track.missing)
    striped = f"{missing:,} spans are missing where it is striped: the room for events was full" if missing else ""
    merged = shown.merged_words(duration)
    found["notes"] = [
        *([f"{merged}; `prof flamechart --range` shows a part in full"] if merged else []),
        *([striped] if striped else []),
    ]
    return found


_NO_LABELS = {"name": "", "kind": "", "file": "", "line": "", "colour": "", "strings": [], "palette": []}


def _colour(label: Label) -> str:
    return colour(label.name, label.kind, label.module, families(THEME))


# ---- what each context had when ----


def stretches(capture: Capture, tree: Tree, order: Sequence[int], measures: Sequence[Measure]) -> dict[str, Any] | None:
    """By context of the page, its own time in each of many stretches of time, and the calls that began in it; None
    without events."""
    events = events_of(capture)
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
