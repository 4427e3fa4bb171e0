"""What differs between two captures, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from prof.tools.analysis import metrics
from prof.tools.analysis.difference import Change, Counted, Difference
from prof.tools.analysis.gate import Verdict
from prof.tools.analysis.sections import Section
from prof.tools.reports.text import section_lines
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import amount, count, rate, signed

LISTED = 5  # functions that broke a rule, by name


def _signed(number: int, unit: str = "") -> str:
    return signed(amount(abs(number), unit), number)


def lines(difference: Difference, verdicts: Sequence[Verdict], limit: int, width: int) -> Iterator[Line]:
    """The whole report; `limit` rows a table, 0: all."""
    paths = f"{difference.before.path} -> {difference.after.path}"
    yield [("No difference" if difference.same else "Difference", "heading"), (f"  {paths}", "dim")]
    yield plain()
    for note in difference.notes:
        yield [("  ! ", "warning"), (note, "warning")]
    if difference.skipped:
        yield [("  ! ", "warning"), (f"operations left out, not exact: {', '.join(difference.skipped)}", "warning")]
    if difference.notes or difference.skipped:
        yield plain()
    yield from _totals(difference, width)
    for section in sections(difference, limit):
        yield from section_lines(section, width)
    yield from _rules(verdicts)


def _totals(difference: Difference, width: int) -> Iterator[Line]:
    pairs = [difference.totals.pair(c.key) for c in difference.counted]
    columns = [
        Column("in functions and sections", [c.words for c in difference.counted], "title", left=True),
        Column("before", [f"{before:,}" for before, _ in pairs]),
        Column("after", [f"{after:,}" for _, after in pairs]),
        Column("change", [_signed(after - before) for before, after in pairs], "change"),
        Column("%", [rate(before, after) for before, after in pairs]),
    ]
    yield from table(fitting(columns, width), width)


def sections(difference: Difference, limit: int) -> Iterator[Section]:
    """What differs, by function, line, call and metric; `limit` rows a table, 0: all."""
    if difference.functions:
        yield _functions(difference, limit)
    if difference.lines:
        yield _lines(difference, limit)
    if difference.calls:
        yield _calls(difference, limit)
    if difference.metrics:
        yield _metrics(difference, limit)


def _differing(shown: int, every: int) -> str:
    return f"{count(shown)} of {count(every)} that differ" if shown < every else f"all {count(every)} that differ"


def _columns(shown: Sequence[Change], counted: Sequence[Counted]) -> list[Column]:
    """The change of each measure; of the first also in per cent, and from what to what."""
    lead = counted[0]
    pairs = [change.pair(lead.key) for change in shown]
    columns = [
        Column(lead.title, [_signed(after - before, lead.unit) for before, after in pairs], "lead"),
        Column("%", [rate(before, after) for before, after in pairs]),
        Column("before", [amount(before, lead.unit) if before else "-" for before, _ in pairs], rank=2),
        Column("after", [amount(after, lead.unit) if after else "-" for _, after in pairs], rank=1),
    ]
    return columns + [Column(c.title, [_signed(s.rise(c.key), c.unit) for s in shown]) for c in counted[1:]]


def _where(change: Change) -> str:
    """`app.py:21`, with the line it was on before where it moved."""
    name = PurePath(change.place.file).name
    lines = [entry.place.line for entry in (change.before, change.after) if entry is not None]
    moved = f"{lines[0]}->{lines[1]}" if len(set(lines)) > 1 else str(lines[0])
    return f"{name}:{moved}" if name else ""


def _functions(difference: Difference, limit: int) -> Section:
    rows = difference.functions
    shown = rows[: limit or None]
    same = len(difference.every) - len(rows)
    columns = [
        *_columns(shown, difference.counted),
        Column("name", [change.place.name for change in shown], "name", left=True, stretch=True),
        Column("file", [_where(change) for change in shown], "dim", left=True, rank=3),
    ]
    note = _differing(len(shown), len(rows)) + (f"; {count(same)} do not" if same else "")
    return Section(f"Functions by change of {difference.counted[0].words}", note, columns=columns)


def _lines(difference: Difference, limit: int) -> Section:
    rows = difference.lines
    shown = rows[: limit or None]
    runs = Counted("count", "runs", "", "")
    columns = [
        *_columns(shown, (*difference.counted[:-1], runs)),
        Column("line", [_where(change) for change in shown], "name", left=True),
        Column("function", [change.place.function for change in shown], left=True, stretch=True),
    ]
    title = f"Lines by change of {difference.counted[0].words}"
    return Section(title, _differing(len(shown), len(rows)), columns=columns, least=16)


def _calls(difference: Difference, limit: int) -> Section:
    rows = difference.calls
    shown = rows[: limit or None]
    columns = [
        *_columns(shown, (Counted("count", "calls", "", ""),)),
        Column("callee", [change.place.name or "(no name)" for change in shown], "name", left=True),
        Column("in", [change.place.function for change in shown], left=True, stretch=True),
    ]
    return Section("Calls by name", _differing(len(shown), len(rows)), columns=columns)


def _metrics(difference: Difference, limit: int) -> Section:
    rows = difference.metrics
    shown = rows[: limit or None]
    pairs = [change.sums for change in shown]
    counts = [change.counts for change in shown]
    columns = [
        Column("change", [change.shown_rise() for change in shown], "lead"),
        Column(
            "before", [metrics.shown(c.name, b) if c.before else "-" for c, (b, _) in zip(shown, pairs, strict=True)]
        ),
        Column("after", [metrics.shown(c.name, a) if c.after else "-" for c, (_, a) in zip(shown, pairs, strict=True)]),
        Column("values", [_signed(after - before) for before, after in counts], rank=1),
        Column("metric", [change.name for change in shown], "name", left=True),
        Column("span", [change.span or metrics.OUTSIDE for change in shown], left=True, stretch=True),
    ]
    return Section("Metrics by change of their sums", _differing(len(shown), len(rows)), columns=columns, least=16)


def _rules(verdicts: Sequence[Verdict]) -> Iterator[Line]:
    if verdicts:
        yield plain()
    for verdict in verdicts:
        word, style = ("FAILED", "warning") if verdict.broken else ("passed", "name")
        yield [(f"  {word}  ", style), (verdict.rule.text, "")]
        for change in verdict.broken[:LISTED]:
            before, after = change.pair(verdict.rule.measure)
            words = f"{change.place.name}: {before:,} -> {after:,} ({_signed(after - before)}, {rate(before, after)})"
            yield plain(f"          {words}")
        if len(verdict.broken) > LISTED:
            yield plain(f"          … {count(len(verdict.broken) - LISTED)} more", "dim")
