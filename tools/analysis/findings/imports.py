"""Imports that take a share of the time, at the line that imports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from prof.capture import NO_LABEL, ROOT, Capture, Label, Tree
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.source_files import Sources
from prof.tools.analysis.whose import Whose
from prof.tools.screen.units import duration, percent

# Of the time; and callers of one import that it may be split up by.
_LEAST, _CALLERS = 0.05, 4
_KIND = "import"


def evidence(capture: Capture, tree: Tree, whose: Whose, whole: int, of: str) -> Iterator[Evidence]:
    """The outermost imports by what they took, with all that they imported; those with a twentieth at least."""
    sums: Counter[tuple[int, int]] = Counter()
    total, outside = tree.total_ns, 0
    for node in tree.select("self_ns", int(_LEAST * whole / _CALLERS) + 1, lines=False)[1:]:
        if node < outside or tree.line[node] or capture.label(tree.label[node]).kind != _KIND:
            continue
        outside = tree.end[node]
        sums[tree.label[node], _own_above(capture, tree, whose, node)] += total[node]
    sources = Sources(capture)
    for (imported, importer), amount in sums.most_common():
        if not whole or amount < _LEAST * whole:
            break
        name = capture.label(imported).name.removeprefix(f"{_KIND} ")
        label = capture.label(importer) if importer != NO_LABEL else None
        file, line = _place(capture, sources, whose, name, label)
        if not file:
            continue
        yield Evidence(
            kind="import cost", file=file, line=line, function=label.name if label else "<module>",
            begins=(label.file, label.line) if label else (file, 1),
            text=f"importing {name} took {duration(amount)}, {percent(amount, whole)} of {of} in spans",
            sure="measured exactly", share=amount / whole, of=of, weight=amount / whole,
            more="--imports --show imports",
        )  # fmt: skip


def _own_above(capture: Capture, tree: Tree, whose: Whose, node: int) -> int:
    """The label of the user's own function that a context is in; `NO_LABEL` outside of all."""
    node = tree.parent[node]
    while node != ROOT and whose.library(capture.label(tree.label[node])):
        node = tree.parent[node]
    return tree.label[node] if node != ROOT else NO_LABEL


def _place(capture: Capture, sources: Sources, whose: Whose, name: str, label: Label | None) -> tuple[str, int]:
    """Where it is imported: in the function that did, or in any file of the user's."""
    files = [file for file in capture.sources if not whose.library_of(file)]
    for file in [label.file] if label else files:
        lines = [line for line in _lines(sources, file, name) if label is None or line >= label.line]
        if lines:
            return file, lines[0]
    return (label.file, label.line) if label else ("", 0)


def _lines(sources: Sources, file: str, name: str) -> list[int]:
    """The lines of a file that import a module, or a part of it."""
    source = sources.get(file)
    if source is None:
        return []
    try:
        tree = ast.parse(b"\n".join(source.lines))
    except (SyntaxError, ValueError, RecursionError):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        if any(each == name or each.startswith(f"{name}.") for each in names):
            found.append(node.lineno)
    return sorted(found)
