"""The process over time, as the page's strip has it: memory, and the CPU that it took."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from prof.capture import Capture

MOST = 600
"""Moments of a curve; of more, the largest of several stands for them."""

Curve = Sequence[tuple[int, int]]


def document(capture: Capture) -> list[dict[str, Any]]:
    """Curves: a title, a unit, and points as (ns since the recording began, amount)."""
    moments, took = capture.series, capture.process
    curves: list[tuple[str, str, Curve]] = [
        ("memory of the process", "B", [(m.ns, m.rss_bytes) for m in moments]),
        ("CPU", "%", _processors([(m.ns, m.user_ns + m.system_ns) for m in took])),
    ]
    return [
        {"title": title, "unit": unit, "points": thinned(points, MOST)}
        for title, unit, points in curves
        if len(points) > 2 and any(amount for _, amount in points)
    ]


def _processors(spent: Curve) -> list[tuple[int, int]]:
    """Per cent of one CPU, from each moment to the next; each stands where its time ends."""
    pairs = pairwise(spent)
    found = [(b, round(100 * (after - before) / (b - a))) for (a, before), (b, after) in pairs if b > a]
    return [(spent[0][0], found[0][1]), *found] if found else []


def thinned(points: Curve, most: int) -> list[tuple[int, int]]:
    """At most so many of the points: the largest of as many as stand together."""
    step = -(-len(points) // most)
    return [max(points[at : at + step], key=lambda point: point[1]) for at in range(0, len(points), step)]
