"""What of a report the terminal shows, a part a tab: each is made when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import APART, Report
from prof.tools.analysis.sections import Section
from prof.tools.analysis.source_lines import place_words
from prof.tools.modes import SORTS
from prof.tools.reports.text import header_lines, section_lines
from prof.tools.screen.tables import Column, Line
from prof.tools.screen.units import count, many

OVERVIEW, TREE, FLAME = "overview", "tree", "flame"


@frozen
class Wish:
    """What the user has picked of `Options`."""

    own: bool = False
    libraries: bool = False
    imports: bool = False
    idle: bool = False


@frozen
class Part:
    """A tab: its name, and the table."""

    name: str
    section: Section


def options_of(report: Report, wish: Wish, width: int = 100, **more: Any) -> Options:
    """All rows of all tables, in the order that reports have."""
    firsts = [name for view in report.summary.views for name in list(view.sorts)[:1]]
    made = Options(
        sort=SORTS[firsts[0]] if firsts else SORTS["calls"], limit=0, few=0, depth=12, min_percent=1.0, width=width,
        own=wish.own, libraries=wish.libraries, imports=wish.imports, idle=wish.idle,
    )  # fmt: skip
    return evolve(made, **more) if more else made


def findings(report: Report) -> Section:
    """What is to be looked at first: lines of the user's own, with the strongest that is known of each."""
    rows = report.findings
    firsts = [each.first for each in rows]
    columns = [
        Column("finding", [first.kind for first in firsts], "lead", left=True),
        Column("line", [place_words(first.file, first.line) for first in firsts], "name", left=True),
        Column("what is known", [first.text for first in firsts], left=True, stretch=True, code=True),
        Column("sure", [first.sure for first in firsts], "dim", left=True, rank=2),
        Column("function", [first.function for first in firsts], left=True, rank=3),
        Column("source", [each.source for each in rows], "dim", left=True, rank=4, code=True),
    ]
    return Section("Findings, what matters most first", columns=columns, key="findings")


def overview(report: Report, wish: Wish, width: int) -> list[Line]:
    """The answer, the facts of the run, and the first tables."""
    found = list(header_lines(report.header(), width, brief=False))
    brief = options_of(report, wish, width, full=False, limit=10, few=5, fits=True)
    for section in report.sections(brief):
        found += section_lines(section, width)
    return found


def parts(report: Report, wish: Wish) -> Iterator[Part]:
    """The tables, those first that answer most questions."""
    names: dict[str, int] = {}

    def named(section: Section, prefix: str = "") -> Part:
        name = prefix + (section.key or section.title.lower()[:18])
        names[name] = names.get(name, 0) + 1
        return Part(name if names[name] == 1 else f"{name} {names[name]}", section)

    if report.findings:
        yield named(findings(report))
    for section in report.sections(options_of(report, wish, full=False, imports=False)):
        if section.columns:
            yield named(section, "your " if section.key in ("functions", "lines") and not wish.libraries else "")
    for section in report.sections(options_of(report, wish, full=True)):
        if section.key != TREE and section.columns and not (wish.libraries and section.key in names):
            yield named(section)
    for key in APART:
        for section in report.sections(options_of(report, wish, show=(key,))):
            if section.columns and section.key not in names:
                yield named(section)


def edges(report: Report, name: str, wish: Wish) -> list[Section]:
    """Who called a function, and what it called. Raises UsageError for one that there is not."""
    found: list[Section] = []
    for part in ("callers", "callees"):
        found += report.sections(options_of(report, wish, part=part, name=name))
    return found


def rows_words(section: Section, shown: int, every: int) -> str:
    """The heading of a table: its title, and how many rows are shown."""
    rows = f"{count(shown) if shown else 'no'} of {many(every, 'row')}" if shown != every else many(every, "row")
    return f"{section.title}  {rows}"
