"""A source file with what its lines did in the margin: how often they ran, their operations, time and bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from attrs import field, frozen
from prof.capture import Capture, Function, Tree
from prof.errors import InputError, UsageError
from prof.text import printable
from prof.tools.analysis.sections import Fact
from prof.tools.analysis.source_files import Source, read_source, recorded_path, source_of_text
from prof.tools.analysis.source_lines import merged, names_of
from prof.tools.analysis.summary import Summary
from prof.tools.analysis.view import Margin, View
from prof.tools.screen.tables import Column

Modes = Sequence[type[View]]


@frozen
class Figures:
    """What is known of a file, by margin and line."""

    margins: dict[str, Margin]
    of: dict[str, dict[int, int]] = field(init=False)

    @of.default
    def _empty(self) -> dict[str, dict[int, int]]:
        return {key: {} for key in self.margins}

    def add(self, key: str, line: int, number: int | None) -> None:
        values, known = self.of[key], self.of[key].get(line, 0)
        values[line] = max(known, number or 0) if self.margins[key].largest else known + (number or 0)

    def last_line(self) -> int:
        return max((line for values in self.of.values() for line, number in values.items() if number), default=0)


def figures(capture: Capture, tree: Tree, functions: Sequence[Function], known: Modes, file: str) -> Figures:
    """The figures of a file's lines."""
    beside = sorted(known, key=lambda mode: mode.beside_order)
    found = Figures({key: margin for mode in beside for key, margin in mode.margins.items()})
    for line in merged(capture, tree, names_of(tree, functions, known), known):
        if line.file != file:
            continue
        for key, number in (each for mode in known for each in mode.margin_figures(line)):
            found.add(key, line.line, number)
    for key, number, amount in (each for mode in known for each in mode.line_margins(capture, tree, file)):
        found.add(key, number, amount)
    for function in functions:
        if function.label.file == file and function.label.kind in ("function", "section"):
            for key, number in (each for mode in known for each in mode.function_figures(function)):
                found.add(key, function.label.line, number)
    return found


def find_file(capture: Capture, tree: Tree, functions: Iterable[Function], known: Modes, given: str) -> str:
    """The file of the capture that `given` names, or ends. Raises UsageError, which lists likely ones."""
    spans = {f.label.file for f in functions if f.label.kind in ("function", "section")}
    files = set(spans)
    for mode in known:
        files |= {line.label.file for line in mode.line_records(capture, tree)}
        files |= {code.file for code in mode.codes(tree)}
        files |= {file for file, _, _ in mode.line_totals(capture, tree)}
    files.discard("")
    parts = PurePath(os.path.normpath(given)).parts
    found = [file for file in files if given == file or PurePath(file).parts[-len(parts) :] == parts]
    if given in found or len(found) == 1:
        return given if given in found else found[0]
    if found:
        raise UsageError(f"{given} is several files of this capture: {', '.join(sorted(found))}; say which")
    like = sorted(file for file in files if PurePath(file).name == parts[-1]) or sorted(spans - {""})
    more = ", …" if len(like) > 5 else ""
    raise UsageError(f"nothing of {given} was recorded in {capture.path}; there is: {', '.join(like[:5])}{more}")


def read(capture: Capture, file: str, given: str, last_line: int) -> Source:
    """The file as it was recorded. Raises InputError when it is not there, or has changed since."""
    if file in capture.texts:
        return source_of_text(capture, file)
    known = capture.sources.get(file)
    path = recorded_path(capture, known.path if known is not None else file)
    try:
        source = read_source(path, known)
    except InputError:
        if not os.path.isfile(given) or os.path.abspath(given) == os.path.abspath(path):
            raise
        source = read_source(Path(given), known)
    if last_line > len(source.lines):
        raise InputError(f"{source.path} has changed since it was recorded: there is no line {last_line} any more")
    return source


@frozen
class Listing:
    """A source file with what its lines did. `legend` says what the columns are, `facts` how much is here."""

    path: Path
    legend: Sequence[Fact]
    facts: Sequence[Fact]
    verified: bool
    """Whether the capture says what the file held; if not, lines may have moved."""
    columns: Sequence[Column]


def listing(summary: Summary, tree: Tree, functions: Sequence[Function], known: Modes, given: str) -> Listing:
    """The annotated file."""
    capture = summary.capture
    file = find_file(capture, tree, functions, known, given)
    found = figures(capture, tree, functions, known, file)
    source = read(capture, file, given, found.last_line())
    shown = {key: margin for key, margin in found.margins.items() if capture.recorded(margin.column)}
    numbers = range(1, len(source.lines) + 1)
    return Listing(
        path=source.path,
        legend=[(margin.title, margin.words) for margin in shown.values()],
        facts=[fact for view in summary.views for fact in view.listing_facts(found.of)],
        verified=source.verified,
        columns=[
            *(Column(m.title, [_cell(m, found.of[k].get(n, 0)) for n in numbers], m.style) for k, m in shown.items()),
            Column("line", [str(n) for n in numbers], "dim"),
            Column("source", [_printable(text) for text in source.lines], left=True, stretch=True, code=True),
        ],
    )


def _cell(margin: Margin, number: int) -> str:
    return margin.format(number) if number else ""


def _printable(text: bytes) -> str:
    return printable(text.decode("utf-8", "replace").expandtabs().replace("\f", " "))
