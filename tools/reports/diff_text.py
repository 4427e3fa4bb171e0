"""What differs between two captures, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from prof.tools.analysis import metrics
from prof.tools.analysis.confidence import FEW, Interval
from prof.tools.analysis.difference import Change, Counted, Difference, Sided
from prof.tools.analysis.gate import Rule, Verdict
from prof.tools.analysis.sections import Note, Section
from prof.tools.analysis.timings import Timing
from prof.tools.reports.text import section_lines
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import amount, count, many, rate, signed

INTERVALS = (
    "The interval is of that row alone, at 95 %. A verdict is about all rows together: where nothing differs, one"
    " report in twenty has a row that is called slower or faster."
)
LISTED = 5  # functions that broke a rule, by name


def _signed(number: int, unit: str = "") -> str:
    return signed(amount(abs(number), unit), number)


def lines(difference: Difference, verdicts: Sequence[Verdict], limit: int, width: int) -> Iterator[Line]:
    """The whole report; `limit` rows a table, 0: all."""
    paths = f"{_side(difference.before)} -> {_side(difference.after)}"
    yield [("No difference" if difference.same else "Difference", "heading"), (f"  {paths}", "dim")]
    yield plain()
    warned = list(warnings(difference))
    yield from ([("  ! ", "warning"), (note, "warning")] for note in warned)
    if warned:
        yield plain()
    yield from _totals(difference, width)
    for section in sections(difference, limit):
        yield from section_lines(section, width)
    timings = difference.timings
    if timings.rows and max(timings.runs) == 1:
        yield plain()
        yield plain(f"  times: one run a side shows nothing; {timings.too_few} more of each can (prof bench)", "dim")
    yield from _rules(verdicts)


def _side(side: Sided) -> str:
    return side.path if side.runs == 1 else f"{side.path} ({many(side.runs, 'run')})"


def warnings(difference: Difference) -> Iterator[str]:
    """Every reason to doubt."""
    yield from difference.notes
    if difference.skipped:
        yield f"operations left out, not exact: {', '.join(difference.skipped)}"
    names = difference.unsteady
    if names:
        more = f" and {count(len(names) - LISTED)} more" if len(names) > LISTED else ""
        yield f"not the same in all runs of a side, so told apart by interval: {', '.join(names[:LISTED])}{more}"


def _totals(difference: Difference, width: int) -> Iterator[Line]:
    yield from table(fitting(totals_columns(difference), width), width)


def totals_columns(difference: Difference) -> list[Column]:
    """What all functions and sections have together."""
    pairs = [difference.totals.pair(c.key) for c in difference.counted]
    return [
        Column("in functions and sections", [c.words for c in difference.counted], "title", left=True),
        Column("before", [f"{before:,}" for before, _ in pairs]),
        Column("after", [f"{after:,}" for _, after in pairs]),
        Column("change", [_signed(after - before) for before, after in pairs], "change"),
        Column("%", [rate(before, after) for before, after in pairs]),
    ]


def sections(difference: Difference, limit: int) -> Iterator[Section]:
    """What differs: what is shown to comes first. By function, line, call and metric; `limit` rows a table, 0: all."""
    several = max(difference.timings.runs) > 1
    if several and difference.timings.shown:
        yield from _timings(difference, limit)
    if difference.functions:
        yield _functions(difference, limit)
    if difference.lines:
        yield _lines(difference, limit)
    if difference.calls:
        yield _calls(difference, limit)
    if difference.metrics:
        yield _metrics(difference, limit)
    if several and not difference.timings.shown:
        yield from _timings(difference, limit)


def _timings(difference: Difference, limit: int) -> Iterator[Section]:
    timings = difference.timings
    if not timings.rows:
        return
    wholes = [row for measure in timings.measures if (row := timings.whole(measure.key)) is not None]
    named = [Column("of the whole run", [row.measure.words for row in wholes], "name", left=True)]
    yield Section("Times", _runs(difference), columns=[*_interval_columns(wholes), *named], remarks=[])
    for measure in timings.measures:
        every = timings.functions(measure.key)
        rows = [row for row in every if row.interval.before or row.interval.after]
        if rows:
            shown = rows[: limit or None]
            differ = sum(row.interval.shown for row in rows)
            note = f"{count(differ) if differ else 'none'} of {count(len(every))} differ"
            columns = [
                *_interval_columns(shown),
                Column("name", [row.place.name for row in shown], "name", left=True, stretch=True),
                Column("file", [_file(row) for row in shown], "dim", left=True, rank=3),
            ]
            title = f"Functions by change of {measure.words}"
            yield Section(title, note, columns=columns, notes=[Note(INTERVALS)])


def _runs(difference: Difference) -> str:
    before, after = difference.runs
    return f"{count(before)} runs a side" if before == after else f"{count(before)} runs before, {count(after)} after"


def _file(row: Timing) -> str:
    name = PurePath(row.place.file).name
    return f"{name}:{row.place.line}" if name else ""


def _interval_columns(rows: Sequence[Timing]) -> list[Column]:
    """The change with its interval, and the verdict."""
    intervals = [row.interval for row in rows]
    units = [row.measure.unit for row in rows]
    return [
        Column("change", [change(i, unit) for i, unit in zip(intervals, units, strict=True)], "lead"),
        Column("95 % interval", [reach(i, unit) for i, unit in zip(intervals, units, strict=True)]),
        Column("before", [amount(round(i.before), u) for i, u in zip(intervals, units, strict=True)], rank=1),
        Column("after", [amount(round(i.after), u) for i, u in zip(intervals, units, strict=True)], rank=1),
        Column("verdict", [interval.words for interval in intervals], "change", left=True),
    ]


def _part(part: float) -> str:
    return f"{100 * part:+.1f}%" if abs(part) < 10 else f"{100 * part:+,.0f}%"


def change(interval: Interval, unit: str) -> str:
    """`+4.0%`; an amount where there was nothing before."""
    relative = interval.relative
    if relative is None:
        return _signed(round(interval.change), unit)
    if not interval.after:
        return "gone"
    return _part(relative[0])


def reach(interval: Interval, unit: str) -> str:
    """`+1.2% to +6.9%`."""
    relative = interval.relative
    if relative is None:
        return f"{_signed(round(interval.low), unit)} to {_signed(round(interval.high), unit)}"
    return f"{_part(relative[1])} to {_part(relative[2])}"


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
        if verdict.unsure and not verdict.broken:
            word, style = "UNSURE", "change"
        yield [(f"  {word}  ", style), (verdict.rule.text, "")]
        rows = verdict.broken or verdict.unsure
        for row in rows[:LISTED]:
            yield plain(f"          {broken_words(verdict.rule, row)}")
        if len(rows) > LISTED:
            yield plain(f"          … {count(len(rows) - LISTED)} more", "dim")


def broken_words(rule: Rule, row: Change | Timing) -> str:
    """What of a row broke a rule, or might: `total: 3,682 -> 3,982 (+300, +8.1%)`."""
    interval = row.intervals.get(rule.measure)
    if interval is None:
        before, after = row.pair(rule.measure)
        return f"{row.place.name}: {before:,} -> {after:,} ({_signed(after - before)}, {rate(before, after)})"
    unit = row.measure.unit if isinstance(row, Timing) else ""
    values = f"{amount(round(interval.before), unit)} -> {amount(round(interval.after), unit)}"
    words = f"{row.place.name}: {values} ({change(interval, unit)}, {reach(interval, unit)})"
    return words if interval.verdict != FEW else f"{words}: {interval.words}"
