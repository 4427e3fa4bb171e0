"""The report in short: tables that answer most questions, in thirty lines together.

Functions are the user's own here. What libraries did is charged to the own functions that called them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve
from prof.capture import Function
from prof.tools.analysis import metrics, overview, processes, waiting
from prof.tools.analysis.options import Options
from prof.tools.analysis.owners import Charges, Owner
from prof.tools.analysis.sections import Section
from prof.tools.analysis.source_files import Sources
from prof.tools.analysis.source_lines import place_words
from prof.tools.analysis.summary import Summary
from prof.tools.analysis.view import Charge, View
from prof.tools.analysis.whose import UNCALLED
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, percent

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

LINES = 30
# Of each table, beside its rows: a blank line, its title, another one, and the columns' titles.
_AROUND = 4
_LEAST, _MOST = 3, 12


def sections(report: Report, options: Options) -> Iterator[Section]:
    """The tables, with as many rows as they have room for."""
    tables = list(_tables(report, options))
    if options.fits:
        rows = max(_LEAST, min(_MOST, (LINES - _AROUND * len(tables)) // max(1, len(tables))))
        options = evolve(options, limit=rows, few=rows)
    yield from (table(options) for table in tables)


def _tables(report: Report, options: Options) -> Iterator[Callable[[Options], Section]]:
    summary = report.summary
    by_kind = report.by_kind
    if report.capture.processes:
        yield lambda options: processes.section(summary, options.limit)
    view = overview.lead_of(options, summary)
    charge = view.charge if view is not None else None
    if report.spans:
        if options.libraries or view is None or charge is None:
            yield lambda options: overview.functions_section(report.spans, "Functions", options, summary)
        else:
            yield lambda options: own_section(report.met, view, charge, options, summary)
        if view is not None and charge is not None and (found := _lines(view, charge, summary, options)):
            yield lambda options: lines_section(*found, summary, options)
    if rows := waiting.by_line(report.capture):
        yield lambda options: waiting.lines_section(rows, options.few)
    if "section" in by_kind:
        yield lambda options: overview.functions_section(by_kind["section"], "Sections", options, summary)
    if report.metrics:
        yield lambda options: metrics.section(report.metrics, options.limit)
    if options.imports and "import" in by_kind:
        yield lambda options: overview.imports_section(by_kind["import"], options, summary)


def own_section(
    functions: Sequence[Function], view: View, charge: Charge, options: Options, summary: Summary
) -> Section:
    """Own functions by what they and the libraries that they called took; last, what no own function asked for."""
    charges = view.charged(charge.column, options.idle)
    # Libraries have no probes unless they were asked for: only samples tell them from the functions that called them.
    sampler, its = overview.sampled(view, charge, summary)
    sampled = sampler.charged(its.column, options.idle)
    by_label = {f.label.index: f for f in functions}
    every = [each for each in charges.owners if each.amount]
    apart = _apart(charges)
    own = every[: max(1, options.limit - len(apart)) if options.limit else None]
    shown = [*own, *apart]
    of = [by_label[each.label.index] for each in own if each.label is not None]
    blank = [""] * len(apart)
    columns = [
        Column(charge.title, [charge.format(each.amount) for each in shown], view.name),
        Column("%", [percent(each.amount, charges.whole) for each in shown]),
        Column("total", [charge.format(getattr(f, charge.total) or 0) for f in of] + blank, rank=1),
        Column("calls", [count(f.calls) for f in of] + blank),
    ]
    for other in sorted(summary.views, key=lambda view: view.beside_order):
        if other is not view and not other.estimates:
            beside = other.columns_beside(of, view, columns)[:1]
            columns += [evolve(column, cells=[*column.cells, *blank]) for column in beside]
    parts = [sampled.of(each.label).inside for each in own]
    columns += [
        Column("name", [each.name for each in shown], "name", left=True, stretch=True),
        Column("of it in", parts + blank, left=True, rank=2),
        Column("file", [overview.where(f.label) for f in of] + blank, "dim", left=True, rank=3),
    ]
    return Section(
        f"Your functions by {charge.words}, libraries included",
        shown_of(len(own), len(every)),
        columns=columns,
        key="functions",
    )


def _lines(view: View, charge: Charge, summary: Summary, options: Options) -> tuple[View, Charge, Charges] | None:
    """Whose lines have some of it; None where none are known."""
    view, charge = overview.sampled(view, charge, summary)
    charges = view.charged(charge.column, options.idle)
    return (view, charge, charges) if any(each.lines for each in charges.owners) else None


def lines_section(view: View, charge: Charge, charges: Charges, summary: Summary, options: Options) -> Section:
    """Own lines, with what they called in libraries."""
    rows = [(n, place, each) for each in charges.owners for place, n in each.lines.items() if n]
    rows.sort(key=lambda row: (-row[0], row[1]))
    shown = rows[: options.limit or None]
    sources = Sources(summary.capture)
    columns = [
        Column(charge.title, [charge.format(n) for n, *_ in shown], view.name),
        Column("%", [percent(n, charges.whole) for n, *_ in shown]),
        Column("line", [place_words(*place) for _, place, _ in shown], "name", left=True),
        Column("function", [each.name for *_, each in shown], left=True, rank=1),
        Column("source", [sources.line_of(*place) for _, place, _ in shown], left=True, stretch=True, code=True),
    ]
    by = f"{charge.words}{' (sampled)' if view.estimates else ''}"
    return Section(
        f"Your lines by {by}, libraries included",
        shown_of(len(shown), len(rows)),
        columns=columns,
        key="lines",
    )


def _apart(charges: Charges) -> list[Owner]:
    """What no own function asked for, by what it was, if it is a hundredth of all or more."""
    words = {name: f"({name}{'' if name in UNCALLED else ', not called by yours'})" for name in charges.rest.below}
    found = [(amount, words[name]) for name, amount in charges.rest.below.items() if name]
    return [
        Owner(None, amount, words) for amount, words in sorted(found, reverse=True) if 100 * amount >= charges.whole
    ]
