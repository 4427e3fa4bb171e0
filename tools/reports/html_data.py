"""What the HTML report's script works on: the contexts, functions and lines of a capture, as compact columns.

Numbers by context are varints in base64: 100,000 contexts with all modes are about two megabytes of page, and `data.js`
reads them in some ten milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from attrs import frozen
from prof.capture import KINDS, Capture, Function, Label, Tree
from prof.modes import Measure, Mode, recorded_measures
from prof.tools.analysis.contexts import Selection
from prof.tools.analysis.frames import ROOT_NAME, FrameName
from prof.tools.analysis.report import Report
from prof.tools.analysis.source_lines import SourceLine
from prof.tools.analysis.timeline import varints
from prof.tools.analysis.view import Fields, View
from prof.tools.analysis.whose import IMPORTS, Whose
from prof.tools.modes import families
from prof.tools.reports import html_calls, html_sources, html_timeline, html_whose
from prof.tools.reports.html_whose import Libraries
from prof.tools.screen.colours import colour, legend

# What functions have beside the measures, whatever was recorded.
_COUNTS = Fields("calls", "", (("calls", "calls", ""), ("resumes", "resumes", ""), ("suspended_ns", "suspended", "ns")))
_COLLECTED = Fields("items", "gc", (("items", "reclaimed", ""),))
# What contexts have beside the measures: (column, title, unit).
_NODE_COUNTS = (("calls", "calls", ""), ("resumes", "resumes", ""), ("suspended_ns", "suspended", "ns"))


def _mains(report: Report, measures: Sequence[tuple[Mode, Measure]]) -> dict[str, Measure]:
    """By mode, the measure that is shown unless more is asked for: the first, or of the same unit what the report
    charges functions with, such as bytes still held where much is."""
    firsts = {mode.name: measure for mode, measure in reversed(measures)}
    charges = {view.name: view.charge for view in report.summary.views}
    for mode, measure in measures:
        charge = charges.get(mode.name)
        if charge is not None and charge.column == measure.column and measure.unit == firsts[mode.name].unit:
            firsts[mode.name] = measure
    return {mode.name: firsts[mode.name] for mode, _ in measures}


def opening(report: Report) -> Measure | None:
    """The measure that the page opens on, where that is not the first: of a mode whose main measure is another than
    its first."""
    measures = recorded_measures(report.capture)
    mains = _mains(report, measures)
    firsts = {mode.name: measure for mode, measure in reversed(measures)}
    return next((main for name, main in mains.items() if main != firsts[name]), None)


def inclusive_key(column: str) -> str:
    """What a column's inclusive sum is called in reports: `total_ns` of `self_ns`, else `total_<column>`."""
    return column.replace("self_", "total_", 1) if column.startswith("self_") else f"total_{column}"


@frozen
class _Strings:
    """A table of strings; `number` is where one stands in it."""

    numbers: dict[str, int]

    def number(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


class _Names:
    """The labels that occur, renumbered: 0 is the root's, the others in the order they are met."""

    def __init__(self, capture: Capture, root: int, whose: Whose) -> None:
        self._capture = capture
        self._numbers = {root: 0}
        self.libraries = Libraries(whose)
        self.library = [0]
        self.frames = [ROOT_NAME]
        self.rows: list[tuple[str, str, str, str, int]] = [("all", "thread", "", "", 0)]

    def number(self, label: int) -> int:
        found = self._numbers.get(label)
        if found is None:
            found = self._numbers[label] = len(self.rows)
            row = self._capture.label(label)
            self.rows.append((row.name, row.kind, row.module, row.file, row.line))
            self.library.append(self.libraries.of_label(row))
            self.frames.append(FrameName(row.name, row.kind, row.module or row.name.rpartition(".")[0]))
        return found

    def add_line(self, line: SourceLine) -> int:
        """A line's number: its label's where the tree has it, else a new one, that no context has."""
        if line.record is not None:
            return self.number(line.record.label.index)
        name = f"{PurePath(line.file).name}:{line.line}"
        self.rows.append((name, "line", line.function, line.file, line.line))
        self.library.append(self.libraries.of_file(line.file))
        self.frames.append(FrameName(name, "line", line.function))
        return len(self.rows) - 1

    def add_libraries(self) -> list[dict[str, Any]]:
        """Each library, with the label that stands for all of its frames where they are folded into one."""
        found = []
        for number, (name, group) in enumerate(zip(self.libraries.numbers, self.libraries.groups, strict=True), 1):
            kind = "import" if group == IMPORTS else "function"
            found.append({"name": name, "group": group, "label": len(self.rows)})
            self.rows.append((name, kind, name, "", 0))
            self.library.append(number)
            self.frames.append(FrameName(name, kind, name))
        return found

    def document(self) -> dict[str, Any]:
        libraries = self.add_libraries()
        strings = _Strings({})
        return {
            "library": varints(self.library),
            "libraries": libraries,
            "name": varints(strings.number(name) for name, *_ in self.rows),
            "kind": varints(KINDS.index(kind) for _, kind, *_ in self.rows),
            "module": varints(strings.number(module) for _, _, module, *_ in self.rows),
            "file": varints(strings.number(file) for *_, file, _ in self.rows),
            "line": varints(line for *_, line in self.rows),
            "strings": list(strings.numbers),
        }

    def colours(self, theme: str) -> dict[str, Any]:
        palette, own = _Strings({}), families(theme)
        of = varints(palette.number(colour(f.name, f.kind, f.module, own)) for f in self.frames)
        return {"palette": list(palette.numbers), "of": of}


def _in_order_of_names(tree: Tree, nodes: Sequence[int], name: Callable[[int], str]) -> list[int]:
    """The nodes depth first, siblings in the order of their names, as `prof flamegraph` has them."""
    children: dict[int, list[int]] = {}
    for node in nodes[1:]:
        children.setdefault(tree.parent[node], []).append(node)
    order: list[int] = []
    waiting = [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        below = children.get(node)
        if below is not None:
            below.sort(key=lambda n: (name(tree.label[n]), n), reverse=True)
            waiting += below
    return order


def _values(tree: Tree, column: str, order: Sequence[int]) -> dict[str, str]:
    """A column's own values, and what each node's subtree has in nodes that are left out (`hidden`).

    What left-out lines directly below a node hold is the node's own: the lines only say where in it. The root's own
    value was outside of every span: it is not in the picture.
    """
    own, total, parent = tree.column(column), tree.inclusive(column), tree.parent
    of = dict(zip(order, (own[node] for node in order), strict=True))
    of[0] = 0
    hidden = {node: total[node] - own[node] for node in order}
    for node in order[1:]:
        hidden[parent[node]] -= total[node]
    for node in [node for node in order if hidden[node]]:
        held = sum(own[child] for child in tree.children(node) if tree.line[child] and child not in of)
        of[node] += held
        hidden[node] -= held
    found = {"own": varints(of[node] for node in order)}
    if any(hidden.values()):
        found["hidden"] = varints(hidden[node] for node in order)
    return found


def _sparse(key: str, pairs: Sequence[tuple[int, int]]) -> dict[str, str]:
    """Pairs of a place and an amount, one after the other; nothing where there are none."""
    return {key: varints(number for pair in pairs for number in pair)} if pairs else {}


def _nodes(report: Report, measures: Sequence[Measure], order: Sequence[int], names: _Names) -> dict[str, Any]:
    tree = report.tree
    counts = []
    for column, title, unit in _NODE_COUNTS:
        values = tree.column(column)
        if any(values[node] for node in order[1:]):
            of = varints([0, *(values[node] for node in order[1:])])
            counts.append({"key": column, "title": title, "unit": unit, "of": of})
    waits = html_whose.idle(report, measures, order)
    return {
        "count": len(order),
        "label": varints([0, *(names.number(tree.label[node]) for node in order[1:])]),
        "depth": varints(tree.depth[node] for node in order),
        "counts": counts,
        "values": [
            _values(tree, measure.column, order) | _sparse("idle", idle)
            for measure, idle in zip(measures, waits, strict=True)
        ],
    }


def _column(key: str, title: str, unit: str, values: Sequence[int], **more: Any) -> dict[str, Any]:
    return {"key": key, "title": title, "unit": unit, "of": varints(values), **more}


def _fields(capture: Capture, functions: Sequence[Function], fields: Fields) -> Iterator[dict[str, Any]]:
    """Columns of fields, without those that nothing has."""
    for key, title, unit in fields.columns if capture.recorded(fields.needs) else ():
        values = [getattr(function, key) for function in functions]
        if any(values):
            yield _column(key, title, unit, values, group=fields.group)


def _functions(
    report: Report, measures: Sequence[tuple[Mode, Measure]], mains: Sequence[Measure], names: _Names
) -> dict[str, Any]:
    """Calls, a measure of each mode, and then what is there for those who ask. `main` columns are shown at first."""
    capture, tree, functions = report.capture, report.tree, report.functions
    labels = [function.label.index for function in functions]
    columns = list(_fields(capture, functions, _COUNTS))
    for column in columns:
        column["main"] = column["key"] == "calls"
    first = opening(report)
    for number, (mode, measure) in sorted(
        enumerate(measures), key=lambda each: (each[1][1] != first, each[1][1] not in mains)
    ):
        own, total = tree.label_sums(measure.column, capture.label_count, inclusive=True)
        more = {"measure": number, "share": True, "group": _group(mode, measure), "main": measure in mains}
        for key, title, sums in ((measure.column, "self", own), (inclusive_key(measure.column), "total", total)):
            columns.append(_column(key, title, measure.unit, [sums[i] for i in labels], **more))
        charges = _charges(report, mode, measure)
        if charges:
            values = [charges.get(function.label, 0) for function in functions]
            more["main"] = False
            columns.append(_column(f"charged_{measure.column}", "with libraries", measure.unit, values, **more))
    for fields in (*(fields for mode in report.modes for fields in mode.fields), _COLLECTED):
        columns += _fields(capture, functions, fields)
    return {"label": varints(map(names.number, labels)), "columns": columns}


def _charges(report: Report, mode: Mode, measure: Measure) -> dict[Label | None, int]:
    """What own functions are charged with of a measure, with what libraries took for them; empty where that is not
    known."""
    for view in report.summary.views:
        if view.name == mode.name and view.charge is not None and view.charge.column == measure.column:
            return {each.label: each.amount for each in view.charged(measure.column).owners}
    return {}


def _group(mode: Mode, measure: Measure) -> str:
    return mode.name if mode.name == measure.name else measure.title


def _lines(
    report: Report,
    lines: Sequence[SourceLine],
    measures: Sequence[tuple[Mode, Measure]],
    mains: Sequence[Measure],
    names: _Names,
) -> dict[str, Any]:
    """The lines, by whatever measures they have, with what they called where that is known, and how often they ran."""
    views = {view.name: view for view in report.modes}
    columns = []
    for number, (mode, measure) in enumerate(measures):
        amount = views.get(mode.name, View).line_amount
        values = [amount(line, measure.column) for line in lines]
        totals = [line.total.get(measure.column, 0) for line in lines]
        more = {"measure": number, "share": True, "group": mode.name, "main": measure in mains}
        if any(values):
            columns.append(_column(measure.column, measure.title, measure.unit, values, **more))
        if any(totals):
            title = "with calls" if measure.title == mode.name else f"{measure.title}, with calls"
            columns.append(_column(inclusive_key(measure.column), title, measure.unit, totals, sums=False, **more))
    for view in report.modes:
        for title, counts in view.line_counts(lines):
            if any(counts):
                columns.append(_column(title, title, "", counts, group=view.name, main=not columns))
    return {"label": varints(map(names.add_line, lines)), "columns": columns}


def _files(lines: Sequence[SourceLine], column: str) -> list[str]:
    """The files of lines, those with most of a column of the tree first, if there is one."""
    sums: dict[str, int] = {}
    for line in lines:
        amount = line.total.get(column) or getattr(line.record, column, None) or 0
        sums[line.file] = sums.get(line.file, 0) + amount
    return sorted(sums, key=lambda file: -sums[file])


def _source(report: Report, lines: Sequence[SourceLine], lead: Measure | None) -> dict[str, Any]:
    """Source of the files that lines are in, and of those that functions of the user's own begin in."""
    whose = report.whose
    begun = [f.label.file for f in report.functions if f.label.kind == "function" and not whose.library(f.label)]
    files = list(dict.fromkeys((*_files(lines, lead.column if lead is not None else ""), *begun)))
    own = {file for file in files if not whose.library_of(file)}
    return html_sources.document(report.capture, lines, files, own)


def _lead(mains: Sequence[Measure], lines: Sequence[SourceLine]) -> Measure | None:
    """What lines are best known by: what they called is in it, or they have most of it themselves."""
    known = [m for m in mains if any(m.column in line.total for line in lines)]
    held = [m for m in mains if any(getattr(line.record, m.column, None) for line in lines)]
    return next(iter((*known, *held)), None)


def document(report: Report, selection: Selection, sort: str) -> dict[str, Any]:
    """The data of the page. Its functions are sorted by `sort`, a field of `Function`."""
    capture, tree = report.capture, report.tree
    recorded = recorded_measures(capture)
    measures = [measure for _, measure in recorded]
    names = _Names(capture, tree.label[0], report.whose)
    order = _in_order_of_names(tree, selection.nodes, lambda label: capture.label(label).name)
    mains = list(_mains(report, recorded).values())
    lines = list(report.lines())
    found: dict[str, Any] = {
        "kinds": list(KINDS),
        "nodes": _nodes(report, measures, order, names),
        "functions": _functions(report, recorded, mains, names),
        "lines": _lines(report, lines, recorded, mains, names),
        "calls": html_calls.document(report, names.number),
        "sources": _source(report, lines, _lead(mains, lines)),
        "timeline": html_timeline.over_time(capture),
        "stretches": html_timeline.stretches(capture, tree, order, measures),
    }
    # Last: by now all names are known.
    found["labels"] = names.document()
    found["measures"] = [_measure(mode, m, names) | {"main": m in mains} for mode, m in recorded]
    first = opening(report)
    found["opens"] = first.name if first is not None else ""
    usual = next((order.field for view in report.summary.views for order in view.sorts.values()), "")
    found["sort"] = first.column if first is not None and sort == usual else sort
    return found


def _measure(mode: Mode, measure: Measure, names: _Names) -> dict[str, Any]:
    kinds = {frame.kind for frame in names.frames}
    return {
        "name": measure.name,
        "mode": mode.name,
        "unit": measure.unit,
        "title": measure.title,
        "accent": legend({"function"}, families(measure.name))[0][1],
        "legend": legend(kinds, families(measure.name)),
        "colours": names.colours(measure.name),
    }
