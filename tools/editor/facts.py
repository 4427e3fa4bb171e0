"""What a capture says of one source file: of its functions, of its lines, and what was found. Knows no editor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import Factory, frozen
from prof.capture import Function
from prof.errors import InputError
from prof.lines import digest
from prof.tools.analysis import overview
from prof.tools.analysis.listing import Figures, figures
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.analysis.source_files import read_source, recorded_path
from prof.tools.analysis.view import Margin
from prof.tools.modes import SORTS
from prof.tools.screen.glossary import COLUMNS
from prof.tools.screen.tables import Column

# Beside a line are figures of which it has a hundredth or more.
LEAST_SHARE = 0.01
_NAMED = ("name", "file")

Version = tuple[int, int]
"""What a file held, as `prof.lines.digest` says it."""


@frozen
class Fact:
    """A figure, and what it is."""

    title: str
    text: str
    meaning: str


@frozen
class FunctionFacts:
    """A function: the line that it begins on, in a few words what it took, and all that is known."""

    name: str
    line: int
    words: str
    facts: list[Fact]


@frozen
class LineFacts:
    """A line: what stands beside it, empty where it is not hot, and all that is known."""

    words: str
    facts: list[Fact]


@frozen
class Finding:
    """Something that is to be seen first."""

    line: int
    text: str
    kind: str = ""


@frozen
class FileFacts:
    """A file as it was recorded. `text` are its lines then, without those that were inserted; None where the file has
    changed since and nobody has them. `version` is None where the capture does not say what the file held."""

    path: str
    version: Version | None
    text: tuple[str, ...] | None
    functions: list[FunctionFacts] = Factory(list)
    lines: dict[int, LineFacts] = Factory(dict)
    findings: list[Finding] = Factory(list)


Texts = dict[Version, tuple[str, ...]]
"""Lines of files that were at hand once: another capture may be of the same."""


def remember(texts: Texts, path: Path) -> None:
    """Keeps the lines of a file as it is now."""
    try:
        version = digest(path.read_bytes())
        if version not in texts:
            texts[version] = _lines(path)
    except (OSError, InputError):
        pass  # it is not there, or no text


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line.decode("utf-8", "replace") for line in read_source(path, None).lines)


def files_of(report: Report) -> dict[str, str]:
    """The names that labels have for files of the capture that are there, by their resolved paths."""
    capture = report.capture
    found: dict[str, str] = {}
    for file in {function.label.file for function in report.functions if function.label.file}:
        known = capture.sources.get(file)
        path = recorded_path(capture, known.path if known is not None else file)
        if not file.startswith("<"):
            found[str(path.resolve())] = file
    return found


def facts_of(report: Report, file: str, path: str, texts: Texts) -> FileFacts:
    """What the capture says of a file, which labels call `file`."""
    known = report.capture.sources.get(file)
    version = (known.size, known.hash) if known is not None else None
    text = texts.get(version) if version is not None else None
    found = figures(report.capture, report.tree, report.functions, report.modes, file)
    begins = {f.label.line for f in report.spans if f.label.file == file}
    return FileFacts(
        path, version, text, list(_functions(report, file)), _line_facts(report, found, begins),
        list(_findings(report, file)),
    )  # fmt: skip


def _functions(report: Report, file: str) -> Iterator[FunctionFacts]:
    for function in report.functions:
        if function.label.file == file and function.label.kind in ("function", "section") and function.label.line:
            columns = _columns(report, function)
            few = [f"{column.title} {column.cells[0]}" for column in columns if not column.rank]
            facts = [Fact(c.title, c.cells[0], COLUMNS.get(c.title, "")) for c in columns]
            yield FunctionFacts(function.label.name, function.label.line, "  ".join(few), facts)


def _columns(report: Report, function: Function) -> list[Column]:
    """The columns of a table of functions that say something of this one."""
    firsts = [name for view in report.summary.views for name in list(view.sorts)[:1]]
    options = Options(SORTS[firsts[0] if firsts else "calls"], 1, 1, 0, 0.0)
    section = overview.functions_section([function], "", options, report.summary)
    return [column for column in section.columns if column.title not in _NAMED and not column.empty]


def _line_facts(report: Report, found: Figures, begins: set[int]) -> dict[int, LineFacts]:
    shown = {key: margin for key, margin in found.margins.items() if report.capture.recorded(margin.column)}
    wholes = {key: int(report.tree.inclusive(margin.column)[0]) for key, margin in shown.items()}
    lines: dict[int, LineFacts] = {}
    for line in sorted({line for key in shown for line in found.of[key]}):
        amounts = {key: found.of[key].get(line, 0) for key in shown}
        facts = [Fact(m.title, m.format(amounts[key]), m.words) for key, m in shown.items() if amounts[key]]
        hot = [] if line in begins else list(_hot(shown, amounts, wholes))
        if facts:
            lines[line] = LineFacts("  ".join(hot), facts)
    return lines


def _hot(shown: Mapping[str, Margin], amounts: Mapping[str, int], wholes: Mapping[str, int]) -> Iterator[str]:
    for key, margin in shown.items():
        if amounts[key] and amounts[key] >= LEAST_SHARE * wholes[key]:
            yield f"{margin.title} {margin.format(amounts[key])}"


def _findings(report: Report, file: str) -> Iterator[Finding]:
    """The report's findings, as far as they are of this file."""
    for each in report.findings:
        if each.first.file == file:
            texts = [f"{evidence.kind}: {evidence.text} ({evidence.sure})" for evidence in each.evidence]
            yield Finding(each.first.line, "\n".join(texts), each.first.kind)
