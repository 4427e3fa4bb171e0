"""The text report."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import ClassVar

from prof.tools.analysis.report import Report
from prof.tools.analysis.sections import Fact, Header, Section
from prof.tools.reports.format import Format
from prof.tools.reports.listing import listing_lines
from prof.tools.screen.output import plain_text
from prof.tools.screen.tables import Line, fitting, plain, table
from prof.tools.screen.units import columns as columns_of

# Of titles of facts.
INDENT = 12


class Text(Format):
    name = "text"
    suffix = ".txt"
    words = "text for people"
    parts: ClassVar = frozenset(("callers", "callees", "tree", "source", "lines", "show"))

    def render(self, report: Report) -> Iterator[str]:
        return plain_text(self._lines(report, styled=False))

    def lines(self, report: Report) -> Iterator[Line]:
        return self._lines(report, styled=True)

    def _lines(self, report: Report, styled: bool) -> Iterator[Line]:
        options = self.options
        if options.part == "source":
            yield from listing_lines(report.listing(options.name), report.note, styled)
            return
        if options.part in ("", "tree") and not options.show:
            yield from header_lines(report.header(), options.width, options.brief)
        for section in report.sections(options):
            yield from section_lines(section, options.width, styled)
        if options.brief:
            yield plain()
            yield from _fact("", ("All", report.more()), options.width)


def header_lines(header: Header, width: int, brief: bool) -> Iterator[Line]:
    """The facts of the run, and every reason to doubt its numbers; in a line or two if `brief`."""
    yield [(header.title, "heading"), (f"  {header.note}" if header.note else "", "dim")]
    yield plain()
    for title, text in header.verdict:
        yield from _fact("heading" if title and title != "More" else "", (title, text), width)
    if header.verdict:
        yield plain()
    for fact in [("Run", "; ".join(header.in_short))] if brief else header.facts:
        yield from _fact("", fact, width)
    for text in header.warnings:
        yield from ([(each, "warning")] for each in _wrapped(text, width, "  ! "))
    for text in header.remarks:
        yield from ([(each, "dim")] for each in _wrapped(text, width, "  "))


def _fact(style: str, fact: Fact, width: int) -> Iterator[Line]:
    title, text = fact
    first, *others = _wrapped(text, width, " " * INDENT)
    yield [(f"  {title:<{INDENT - 2}}", "title"), (first[INDENT:], style)]
    yield from ([(each, style)] for each in others)


def _wrapped(text: str, width: int, begin: str) -> list[str]:
    """The text in lines, the first behind `begin`, the others below it. Commands and names are not broken."""
    if len(begin) + columns_of(text) <= width:
        return [begin + text]
    blank = " " * len(begin)
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=blank, break_long_words=False, break_on_hyphens=False
    )


def section_lines(section: Section, width: int, styled: bool = True) -> Iterator[Line]:
    """A section, `width` characters wide at most."""
    yield plain()
    if section.title:
        yield [(section.title, "heading"), (f"  {section.note}" if section.note else "", "dim")]
        yield plain()
    for fact in section.facts:
        yield from _fact("", fact, width)
    for text in section.remarks:
        yield from ([(each, "dim")] for each in _wrapped(text, width, "  "))
    if section.columns:
        columns = fitting(section.columns, width, section.least)
        yield from table(columns, width, styled)
        titles = {column.title for column in columns}
        for note in section.notes:
            if not note.of or note.of & titles:
                yield from ([(each, "dim")] for each in _wrapped(note.text, width, "  "))
