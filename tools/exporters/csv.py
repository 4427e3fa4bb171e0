"""A table of functions and lines with their figures, for spreadsheets and data frames: RFC 4180."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from attrs import Factory, define
from prof.capture import NO_LABEL, ROOT, Capture
from prof.modes import Measure
from prof.tools.exporters.export import Export, Stacks, stacks

_UNITS = {"ns": "_ns", "B": "_bytes"}


@define
class _Row:
    own: dict[str, int] = Factory(dict)
    total: dict[str, int] = Factory(dict)
    calls: int = 0


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A row for each function, with its own lines in it; for each line; and for what is outside of every function."""
    functions: dict[int, _Row] = {}
    lines: dict[int, _Row] = {}
    outside = _Row()
    for of in stacks(capture, measures):
        for measure in of.measures:
            _add(of, measure, functions, lines, outside)
    parts = [(f"{m.name.replace('-', '_')}_{part}{_UNITS.get(m.unit, '')}", m.name, part)
             for m in measures for part in ("own", "total")]  # fmt: skip
    yield _line(["row", "kind", "name", "module", "file", "line", "calls", *(name for name, _, _ in parts)])
    for what, rows in (("function", functions), ("line", lines)):
        for index, row in rows.items():
            label = capture.label(index)
            place = [what, label.kind, label.name, label.module, label.file, label.line or ""]
            yield _line([*place, row.calls if what == "function" else "", *_figures(row, parts)])
    yield _line(["outside", "", "", "", "", "", "", *_figures(outside, parts)])


def _add(of: Stacks, measure: Measure, functions: dict[int, _Row], lines: dict[int, _Row], outside: _Row) -> None:
    tree, name = of.tree, measure.name
    own, total = tree.column(measure.column), tree.inclusive(measure.column)
    active: dict[int, int] = {}  # of a function, where its outermost call ends
    counted = not any(row.calls for row in functions.values())  # every measure has the same calls
    for node in range(1, tree.count):
        index, parent = tree.label[node], tree.label[tree.parent[node]]
        if tree.line[node] == 1:
            _plus(lines.setdefault(index, _Row()).own, name, own[node])
            _plus(functions[parent].own if parent != NO_LABEL else outside.own, name, own[node])
            continue
        row = functions.setdefault(index, _Row())
        row.calls += tree.calls[node] if counted else 0
        _plus(row.own, name, own[node])
        if node >= active.get(index, ROOT):
            active[index] = tree.end[node]
            _plus(row.total, name, total[node])
    _plus(outside.own, name, own[ROOT])


def _plus(sums: dict[str, int], name: str, amount: int) -> None:
    sums[name] = sums.get(name, 0) + amount


def _figures(row: _Row, parts: Sequence[tuple[str, str, str]]) -> list[object]:
    return [(row.own if part == "own" else row.total).get(name, "") for _, name, part in parts]


def _line(values: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue().encode("utf-8", "replace")


EXPORT = Export("csv", ".csv", "spreadsheets and data frames", render)
