"""For `pstats.Stats`, snakeviz and what else reads what cProfile writes: a marshalled dictionary of functions.

Times are of one measure: pstats has room for one. Recursion is counted as in CPython's Modules/_lsprof.c: a call is
primitive where its function is not on the stack yet, and what a function took in all is that of its outermost calls;
likewise, of a caller and its callee, that of the calls from the outermost such caller.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence

from attrs import Factory, define
from prof.capture import NO_LABEL, ROOT, Capture, Label
from prof.modes import Measure
from prof.tools.exporters.export import Export, Stacks, stacks, timed

Key = tuple[str, int, str]
"""A function as pstats knows it: file, line, name."""
_SECOND = 1_000_000_000


@define
class _Row:
    """`primitive` and `calls` are numbers of calls, `own` and `total` in ns."""

    primitive: int = 0
    calls: int = 0
    own: int = 0
    total: int = 0
    callers: dict[Key, _Row] = Factory(dict)

    def add(self, calls: int, own: int, total: int, outermost: bool) -> None:
        """Calls in one context."""
        self.calls += calls
        self.own += own
        if outermost:
            self.primitive += calls
            self.total += total


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """Functions with their callers, by the first measure that is a time. Raises UsageError without one."""
    measure, column = timed(measures, "pstats")
    rows = _rows(stacks(capture, [measure])[0], column)
    yield marshal.dumps({key: (*_figures(row), _callers(row)) for key, row in rows.items()})


def _rows(of: Stacks, column: str) -> dict[Key, _Row]:
    tree = of.tree
    own, total = tree.column(column), tree.inclusive(column)
    # Samples know no calls: how often a function was met itself stands for that.
    calls = tree.column("samples" if column == "sampled_ns" else "calls")
    rows: dict[Key, _Row] = {}
    keys: dict[int, Key] = {}
    active: dict[object, int] = {}  # of a function, or of a caller and its callee, where its outermost call ends
    place: list[Key | None] = [None] * tree.count
    for node in range(1, tree.count):
        above = place[tree.parent[node]]
        if tree.label[node] == NO_LABEL or (tree.line[node] == 1 and above is not None):
            place[node] = above  # a line is where the function above it is
            if above is not None and tree.line[node] == 1:
                _of_line(rows, place, tree.parent, node, own[node], calls[node] if column == "sampled_ns" else 0)
            continue
        label = tree.label[node]
        key = place[node] = keys[label] if label in keys else keys.setdefault(label, _key(of.label(node)))
        row = rows.setdefault(key, _Row())
        row.add(calls[node], own[node], total[node], _outermost(active, key, node, tree.end[node]))
        if above is not None:
            between = row.callers.setdefault(above, _Row())
            outermost = _outermost(active, (above, key), node, tree.end[node])
            between.add(calls[node], own[node], total[node], outermost)
    return rows


def _of_line(
    rows: dict[Key, _Row], place: list[Key | None], parent: memoryview, node: int, own: int, calls: int
) -> None:
    """What a line holds is its function's own; in all, it is already."""
    function = place[node]
    assert function is not None
    rows[function].own += own
    rows[function].calls += calls
    rows[function].primitive += calls
    caller = place[parent[parent[node]]]
    if caller is not None:
        between = rows[function].callers[caller]
        between.own += own
        between.calls += calls
        between.primitive += calls


def _outermost(active: dict[object, int], what: object, node: int, end: int) -> bool:
    if node < active.get(what, ROOT):
        return False
    active[what] = end
    return True


def _key(label: Label) -> Key:
    name = label.name.removeprefix(f"{label.module}.") if label.module and label.kind != "line" else label.name
    return (label.file, label.line, name) if label.file else ("~", 0, label.name)


def _figures(row: _Row) -> tuple[int, int, float, float]:
    return row.primitive, row.calls, row.own / _SECOND, row.total / _SECOND


def _callers(row: _Row) -> dict[Key, tuple[int, int, float, float]]:
    """Of callers cProfile has the number of all calls first."""
    return {
        key: (each.calls, each.primitive, each.own / _SECOND, each.total / _SECOND) for key, each in row.callers.items()
    }


EXPORT = Export("pstats", ".pstats", "`python -m pstats`, snakeviz, and what reads what cProfile writes", render)
