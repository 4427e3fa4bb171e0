"""Which contexts a picture of all measures shows, where there are more than it can."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from prof.capture import NO_LABEL, Tree
from prof.modes import Measure

MOST_CONTEXTS = 150_000
# Shares of a measure, tried in this order, below which a context is left out when there are too many.
SHARES = (0.0, *(digit * 10.0**power for power in range(-8, 0) for digit in (1, 2, 5)))


@frozen
class Selection:
    """The contexts to draw, in the tree's order, the root first. `omitted` have figures and are below `share` of every
    measure, or deeper than `depth` levels (0: all)."""

    nodes: Sequence[int]
    share: float
    omitted: int
    depth: int = 0


def select(tree: Tree, measures: Sequence[Measure], least: float, depth: int, most: int = MOST_CONTEXTS) -> Selection:
    """The contexts with at least the share `least` of some measure, or a larger share if they are more than `most`.

    `depth` levels; 0 is all.
    """
    every = _union(tree, measures, 0.0, 0)
    nodes, share = every, 0.0
    for share in [least, *(share for share in SHARES if share > least)]:
        # The longest list is a lower bound, and cheap.
        if max((len(_select(tree, m, share, depth)) for m in measures), default=0) > most and share < SHARES[-1]:
            continue
        nodes = _union(tree, measures, share, depth)
        if len(nodes) <= most:
            break
    return Selection(nodes, share, len(every) - len(nodes), depth)


def _select(tree: Tree, measure: Measure, share: float, depth: int) -> memoryview:
    total, own = tree.inclusive(measure.column)[0], tree.column(measure.column)[0]
    return tree.select(measure.column, max(1, int((total - own) * share)), depth or NO_LABEL)


def _union(tree: Tree, measures: Sequence[Measure], share: float, depth: int) -> list[int]:
    found = {0}
    for measure in measures:
        found.update(_select(tree, measure, share, depth))
    return sorted(found)
