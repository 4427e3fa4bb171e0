"""The report as GitHub's Markdown, for an issue, a pull request or the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from prof.text import shown
from prof.tools.analysis.report import Report
from prof.tools.analysis.sections import Fact, Header, Section
from prof.tools.reports.format import Format
from prof.tools.screen.tables import NO_LIMIT, Column, fitting

DEEPEST = 12  # levels that are indented; below, they are figures
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~#&@$]")
_TICKS = re.compile("`+")


class Markdown(Format):
    name = "markdown"
    suffix = ".md"
    words = "tables for issues and pull requests"
    parts: ClassVar = frozenset(("callers", "callees", "tree", "lines", "show"))
    why_whole = "Markdown has tables, and no margins"

    def render(self, report: Report) -> Iterator[str]:
        options = self.options
        if options.part in ("", "tree") and not options.show:
            yield from _header(report.header(), options.brief)
        for section in report.sections(options):
            yield from section_markdown(section)
        if options.brief:
            yield f"\nAll: {code(report.more())}\n"


def escaped(text: str) -> str:
    """Text in which nothing is taken for markup, for a link or for somebody's name."""
    return _MARKUP.sub(r"\\\g<0>", shown(text))


def code(text: str) -> str:
    """A name or a piece of source, as it stands."""
    text = shown(text).replace("|", r"\|")  # a table would end the cell there, even in code
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    return f"{ticks}{text}{ticks}" if len(ticks) == 1 else f"{ticks} {text} {ticks}"


def _header(header: Header, brief: bool) -> Iterator[str]:
    yield f"# {escaped(header.title)}\n\n"
    if header.note:
        yield f"{escaped(header.note)}\n\n"
    yield from _facts(header.verdict)
    yield "\n" if header.verdict else ""
    yield from _facts([("Run", "; ".join(header.in_short))] if brief else header.facts)
    yield from (f"\n> **!** {escaped(text)}\n" for text in (*header.warnings, *header.remarks))


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    for title, text in facts:
        yield f"- **{escaped(title)}** {escaped(text)}\n" if title else f"  - {escaped(text)}\n"


def section_markdown(section: Section) -> Iterator[str]:
    """A section, in parts."""
    yield f"\n## {escaped(section.title)}\n" if section.title else ""
    yield f"\n{escaped(section.note)}\n" if section.note else ""
    if section.facts:
        yield "\n"
        yield from _facts(section.facts)
    if section.remarks:
        yield "\n" + "".join(f"{escaped(text)}\n" for text in section.remarks)
    columns = fitting(section.columns, NO_LIMIT)
    if columns:
        yield "\n"
        yield from _table(columns)
    titles = {column.title for column in columns}
    for note in section.notes:
        if not note.of or note.of & titles:
            yield f"\n{escaped(note.text)}\n"


def _table(columns: list[Column]) -> Iterator[str]:
    yield table_row([escaped(column.title) for column in columns])
    yield table_row([":---" if column.left else "---:" for column in columns])
    for cells in zip(*map(_cells, columns), strict=True):
        yield table_row(cells)


def _cells(column: Column) -> Iterator[str]:
    if not column.left:
        return map(escaped, column.cells)
    if not column.depths:
        return (code(cell) if cell else "" for cell in column.cells)
    return (_indent(depth) + code(cell) for depth, cell in zip(column.depths, column.cells, strict=True))


def _indent(depth: int) -> str:
    return "&nbsp;" * 2 * depth if depth <= DEEPEST else "&nbsp;" * 2 * DEEPEST + rf"\[{depth}\] "


def table_row(cells: Sequence[str]) -> str:
    """A row of a table, of cells that are Markdown."""
    return f"| {' | '.join(cells)} |\n"
