"""What `prof bench` found, as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from prof.tools.analysis.bench import MEASURES, Bench, Taken
from prof.tools.reports.diff_text import change, reach
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import amount, many

TITLES = ("first", "second")


def lines(bench: Bench, kept: str, width: int, precision: float) -> Iterator[Line]:
    """What each command took, and what the second took more or less."""
    for index, contender in enumerate(bench.contenders):
        where = f"  in {contender.folder}" if contender.folder else ""
        title = shlex.join(contender.words)
        yield [(title, "heading"), (f"{where}  {many(len(bench.runs[index]), 'run')}", "dim")]
        yield plain()
        taken = bench.taken(index)
        if taken:
            yield from table(fitting(_columns(taken), width), width)
            yield plain()
    intervals = bench.compared(precision)
    if intervals:
        yield [("The second beside the first", "heading")]
        yield plain()
        units = [measure.unit for measure in MEASURES]
        columns = [
            Column("", [measure.words for measure in MEASURES], "title", left=True),
            Column("change", [change(i, unit) for i, unit in zip(intervals, units, strict=True)], "lead"),
            Column("95 % interval", [reach(i, unit) for i, unit in zip(intervals, units, strict=True)]),
            Column("verdict", [interval.words for interval in intervals], "change", left=True),
        ]
        yield from table(fitting(columns, width), width)
        yield plain()
    if kept:
        yield plain(f"  captures: {kept}", "dim")
        yield plain()


def _columns(taken: list[Taken]) -> list[Column]:
    units = [each.measure.unit for each in taken]
    parts = {"mean": "mean", "from": "low", "to": "high", "least": "least", "most": "most"}
    return [
        Column("", [each.measure.words for each in taken], "title", left=True),
        *(
            Column(title, [amount(round(getattr(t, name)), unit) for t, unit in zip(taken, units, strict=True)])
            for title, name in parts.items()
        ),
    ]
