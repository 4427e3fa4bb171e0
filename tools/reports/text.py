"""The text report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from prof.tools.analysis.report import Report
from prof.tools.analysis.sections import Header, Section
from prof.tools.reports.format import Format
from prof.tools.reports.listing import listing_lines
from prof.tools.screen.output import plain_text
from prof.tools.screen.tables import Line, fitting, plain, table


class Text(Format):
    name = "text"
    suffix = ".txt"
    words = "text for people"
    parts: ClassVar = frozenset(
        ("callers", "callees", "tree", "waiting", "tasks", "threads", "slowest", "source", "lines")
    )

    def render(self, report: Report) -> Iterator[str]:
        return plain_text(self._lines(report, styled=False))

    def lines(self, report: Report) -> Iterator[Line]:
        return self._lines(report, styled=True)

    def _lines(self, report: Report, styled: bool) -> Iterator[Line]:
        options = self.options
        if options.part == "source":
            yield from listing_lines(report.listing(options.name), report.note, styled)
            return
        if options.part in ("", "tree"):
            yield from header_lines(report.header())
        for section in report.sections(options):
            yield from section_lines(section, options.width, styled)


def header_lines(header: Header) -> Iterator[Line]:
    """The facts of the run, and every reason to doubt its numbers."""
    yield [(header.title, "heading"), (f"  {header.note}" if header.note else "", "dim")]
    yield plain()
    for title, text in header.verdict:
        yield [(f"  {title:<10}", "title"), (text, "heading" if title and title != "More" else "")]
    if header.verdict:
        yield plain()
    for title, text in header.facts:
        yield [(f"  {title:<10}", "title"), (text, "")]
    for text in header.warnings:
        yield [("  ! ", "warning"), (text, "warning")]
    for text in header.remarks:
        yield plain(f"  {text}", "dim")


def section_lines(section: Section, width: int, styled: bool = True) -> Iterator[Line]:
    """A section, `width` characters wide at most."""
    yield plain()
    if section.title:
        yield [(section.title, "heading"), (f"  {section.note}" if section.note else "", "dim")]
        yield plain()
    for title, text in section.facts:
        yield [(f"  {title:<10}", "title"), (text, "")]
    for text in section.remarks:
        yield plain(f"  {text}", "dim")
    if section.columns:
        columns = fitting(section.columns, width, section.least)
        yield from table(columns, width, styled)
        titles = {column.title for column in columns}
        for note in section.notes:
            if not note.of or note.of & titles:
                yield plain(f"  {note.text}", "dim")
