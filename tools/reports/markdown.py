"""The report as GitHub's Markdown, for an issue, a pull request or the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import ClassVar

from attrs import evolve
from prof.text import shown
from prof.tools.analysis.findings import Finding
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.analysis.sections import Fact, Header, Section
from prof.tools.analysis.told import BARE, FULL, Told, file_words, left_out, share_words, told, warnings, whole_command
from prof.tools.reports.format import Format
from prof.tools.screen.tables import NO_LIMIT, Column, fitting
from prof.tools.screen.tokens import Room, size
from prof.tools.screen.units import many, shorten_end

# Of answers with a budget: bytes kept for what is said of the rest, and characters of a title, of a line of source, and
# of what is left out.
_LAST, _TITLE, _SOURCE, _WORDS = 200, 60, 100, (80, 40, 20)
DEEPEST = 12  # levels that are indented; below, they are figures
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~#&@$]")
_TICKS = re.compile("`+")


class Markdown(Format):
    name = "markdown"
    suffix = ".md"
    words = "tables for issues and pull requests"
    parts: ClassVar = frozenset(("callers", "callees", "tree", "lines", "show"))
    why_whole = "Markdown has tables, and no margins"

    budgeted = True

    def render(self, report: Report) -> Iterator[str]:
        options = self.options
        if options.budget:
            yield from within(report, options)
            return
        if options.part in ("", "tree") and not options.show:
            yield from _header(report.header(), options.brief)
        for section in report.sections(options):
            yield from section_markdown(section)
        if options.brief:
            yield f"\nAll: {code(report.more())}\n"


# ---- with a budget: findings first ----


def within(report: Report, options: Options) -> Iterator[str]:
    """Findings, then as much of the report in short as there is room for; of a part that is asked for, its rows."""
    room = Room(options.budget)
    room.left -= _LAST
    whole = not (options.part or options.show)
    head = _head(report, room)
    found = told(report.findings if whole else (), room, _finding)
    tables: list[str] = []
    rest = "".join(_fitting(section, room, tables) for section in report.sections(options))
    yield head + "".join(found.texts) + rest
    yield _last(report, found, tables)


def _head(report: Report, room: Room) -> str:
    """The run, and every reason to doubt: as much of it as takes a quarter of the room."""
    header, found = report.header(), many(len(report.findings), "finding")
    text = f"# {shorten_end(escaped(header.title), _TITLE)}: {found}\n"
    if not room.take(text):
        text = f"# {found}\n"
        room.take(text)
    share = room.left // 4
    run = f"\nRun: {escaped('; '.join(header.in_short))}\n"
    for part in (run, *(f"\n> **!** {escaped(each)}\n" for each in warnings(report))):
        if size(part) <= share and room.take(part):
            text, share = text + part, share - size(part)
    return text + ("\n" if room.take("\n") else "")


def _finding(number: int, finding: Finding, how: int) -> str:
    first = finding.first
    place = code(f"{file_words(finding, how)}:{first.line}")
    kinds = ", ".join(finding.kinds[: None if how == FULL else 1])
    line = f"{number}. **{place}** " + ": ".join(filter(None, (kinds, share_words(first))))
    if how == BARE:
        return f"{line}\n"
    if finding.source:
        line += f" — {code(shorten_end(finding.source, _SOURCE))}"
    rows = [f"{each.kind}: {escaped(each.text)} ({escaped(each.sure)})" for each in finding.evidence]
    rows = [f"in {code(shorten_end(first.function, _SOURCE))}", *rows] if how == FULL else rows[:1]
    return "\n   - ".join([line, *rows, f"more: {code(finding.command)}"]) + "\n"


def _fitting(section: Section, room: Room, left_out: list[str]) -> str:
    """A section with as many rows as there is room for; what is left out is added to the list."""
    head, rows = "".join(section_markdown(evolve(section, columns=(), notes=()))), []
    columns = fitting(section.columns, NO_LIMIT)
    every = list(_table(columns)) if columns else []
    if not room.take(head + "\n" + "".join(every[:3])):
        left_out.append(f"table {section.title}" if section.title else "a note")
        return ""
    rows = every[:3]
    rows += takewhile(room.take, every[3:])
    if len(rows) < len(every):
        left_out.append(f"{many(len(every) - len(rows), 'row')} of {section.title}")
    return head + "\n" * bool(rows) + "".join(rows)


def _last(report: Report, found: Told, tables: Sequence[str]) -> str:
    """What was left out, and how to see it."""
    words = left_out(found, tables)
    rest = (f"Left out: {escaped(shorten_end(words, most))}. All: " if words else "All: " for most in _WORDS)
    commands = (whole_command(report, Markdown.name), f"prof report --format {Markdown.name}")
    texts = [f"\n{each}{code(command)}\n" for each in rest for command in commands]
    return next((text for text in texts if size(text) <= _LAST), "\nMore was left out.\n")


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
