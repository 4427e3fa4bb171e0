"""What each test of a capture did: calls, operations and allocations of the functions that have probes, by function and
by line.

What ran below an import or a garbage collection is nobody's: whether a test is the first to import a module, and where
a collection falls, is not its doing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from attrs import define, field
from prof.capture import Capture
from prof.counted import Operations, Site
from prof.tools.analysis.compared import SPANS
from prof.tree import NO_LABEL, Tree

CALL = "call"
AGAIN = "again"
"""The call of a test that is run a second time: what only a first run does is not in it."""
PHASES = ("setup", CALL, "teardown", AGAIN)
MEASURES = ("ops", "calls", "alloc_bytes", "alloc_count")
_LONGEST = 200
_LINES = 500


def name_of(nodeid: str) -> str:
    """A test as its spans are called: a long name is cut, and stays one test's own."""
    text = "".join(each if each.isprintable() else "?" for each in nodeid)
    if text == nodeid and len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


@define
class Row:
    """Counts of one function; `line` is where it begins, and `lines` are by their distance from there."""

    counts: dict[str, int] = field(factory=dict)
    file: str = ""
    line: int = 0
    lines: dict[int, dict[str, int]] = field(factory=dict)

    def add(self, key: str, number: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + number

    def add_line(self, line: int, key: str, number: int) -> None:
        """Adds to a line, by its number in the file."""
        if number and line >= self.line:
            counts = self.lines.setdefault(line - self.line, {})
            counts[key] = counts.get(key, 0) + number


@define
class Counts:
    """Of one test: by function."""

    functions: dict[str, Row] = field(factory=dict)
    runs: int = 0
    """How often it ran under this name: a plugin may run a test again."""
    inexact: str = ""
    """A function whose operations contradict themselves; empty without."""

    def total(self, key: str) -> int:
        """A measure of all functions together."""
        return sum(row.counts.get(key, 0) for row in self.functions.values())

    def totals(self, keys: Iterable[str]) -> dict[str, int]:
        return {key: self.total(key) for key in keys}


def measures(capture: Capture) -> list[str]:
    """Those that the capture has."""
    return [key for key in MEASURES if key == "calls" or capture.recorded(key)]


def tests(capture: Capture) -> dict[tuple[str, str], Counts]:
    """By phase and name, what each test did."""
    found: dict[tuple[str, str], Counts] = {}
    tree = capture.tree()
    columns = {key: tree.column(key) for key in measures(capture)}
    for node in tree.children(0):
        phase, name = _span(capture, tree, node)
        if phase:
            counts = found.setdefault((phase, name), Counts())
            counts.runs += tree.calls[node]
            _add(counts, capture, tree, node, columns)
    return found


def _span(capture: Capture, tree: Tree, node: int) -> tuple[str, str]:
    """The phase and the test that a node is of; empty for what is none."""
    if tree.line[node] or tree.label[node] == NO_LABEL:
        return "", ""
    label = capture.label(tree.label[node])
    phase, _, name = label.name.partition("!")
    return (phase, name) if label.kind == "section" and phase in PHASES else ("", "")


def _add(counts: Counts, capture: Capture, tree: Tree, top: int, columns: dict[str, memoryview]) -> None:
    rows: dict[int, Row | None] = {top: None}
    node, stop = top + 1, tree.end[top]
    while node < stop:
        if tree.line[node]:
            row = rows.get(tree.parent[node])
        else:
            label = capture.label(tree.label[node])
            if label.kind not in SPANS:
                node = tree.end[node]
                continue
            row = rows[node] = counts.functions.setdefault(label.name, Row(file=label.file, line=label.line))
            if tree.operations is not None and not tree.operations.exact(tree.label[node]):
                counts.inexact = label.name
        if row is not None:
            for key, column in columns.items():
                if column[node] and not (key == "calls" and tree.line[node]):
                    row.add(key, column[node])
        node += 1


def add_lines(capture: Capture, phase: str, name: str, counts: Counts) -> None:
    """Adds to the functions of one test what their lines did. The capture is narrowed to it from then on."""
    capture.narrow(f"{phase}!{name}")
    tree = capture.tree()
    solved = tree.operations
    for site in _sites(solved) if solved is not None else ():
        row = counts.functions.get(_owner(site.code.name, counts))
        if row is not None and row.file == site.code.file:
            row.add_line(site.line, "ops", site.ops)
    for line in capture.lines_in_spans(tree, "alloc_count", tree.count)[0]:
        row = counts.functions.get(line.span.name) if line.span is not None else None
        if row is not None and row.file == line.label.file:
            row.add_line(line.label.line, "alloc_bytes", line.alloc_bytes)
            row.add_line(line.label.line, "alloc_count", line.alloc_count)


def _sites(solved: Operations) -> list[Site]:
    """The lines that ran. Those that ran most come first, and most of a program's lines do not run in one test."""
    found, every = solved.sites("line", limit=_LINES)
    if len(found) < every and found[-1].ops:
        found = solved.sites("line")[0]
    return [each for each in found if each.ops]


def _owner(function: str, counts: Counts) -> str:
    """The function that a line is of: what is defined inside one and has no span runs in that of its caller."""
    while function and function not in counts.functions:
        function = function.rpartition(".")[0]
    return function
