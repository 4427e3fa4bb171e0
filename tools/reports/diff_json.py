"""What differs between two captures, as JSON (`tools/diff_schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prof.tools.analysis.confidence import CONFIDENCE, Interval
from prof.tools.analysis.difference import Change, Difference, Sided
from prof.tools.analysis.gate import Verdict
from prof.tools.analysis.metrics import MetricChange
from prof.tools.analysis.timings import Timing
from prof.tools.screen.json_text import Rows, document

SCHEMA = 1


def _numbers(change: Change, keys: Sequence[str]) -> dict[str, Any]:
    pairs = {key: change.pair(key) for key in keys}
    found: dict[str, Any] = {key: {"before": b, "after": a, "change": a - b} for key, (b, a) in pairs.items()}
    for key in change.varied.intersection(keys):
        found[key]["exact"] = False
        if key in change.intervals:
            found[key] |= interval_values(change.intervals[key])
    return found


def interval_values(interval: Interval) -> dict[str, Any]:
    """The keys of an interval."""
    found: dict[str, Any] = {"interval": [interval.low, interval.high], "p": interval.p, "verdict": interval.verdict}
    return found | ({"more_runs": interval.more} if interval.more else {})


def _side(side: Sided) -> dict[str, Any]:
    return {"path": side.path, "name": side.name, "python": side.python, "runs": side.runs}


def _timing(row: Timing) -> dict[str, Any]:
    interval, place = row.interval, row.place
    return {
        "measure": row.measure.key,
        "name": None if row.whole else place.name,
        "kind": place.kind,
        "file": place.file,
        "line": place.line,
        "before": interval.before,
        "after": interval.after,
        "change": interval.change,
        **interval_values(interval),
        "values_before": row.before,
        "values_after": row.after,
    }


def _line_number(change: Change, side: str) -> int | None:
    entry = getattr(change, side)
    return None if entry is None else entry.place.line


def _row(change: Change, keys: Sequence[str]) -> dict[str, Any]:
    place = change.place
    found: dict[str, Any] = {"status": change.status, "file": place.file}
    found |= {"line_before": _line_number(change, "before"), "line_after": _line_number(change, "after")}
    return found | _numbers(change, keys)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    rule = verdict.rule
    broken = [
        {"name": change.place.name} | dict(zip(("before", "after"), change.pair(rule.measure), strict=True))
        for change in verdict.broken
    ]
    return {
        "rule": rule.text,
        "measure": rule.measure,
        "passed": not broken,
        "checked": verdict.checked,
        "broken": broken,
    } | ({"unsure": [row.place.name for row in verdict.unsure]} if verdict.unsure else {})


def render(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The JSON report, a row a line."""
    return document(pairs(difference, verdicts))


def pairs(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Any]]:
    """The keys of the document."""
    keys = [c.key for c in difference.counted]
    of_lines = [*keys[:-1], "count"]
    yield "schema", SCHEMA
    yield "before", _side(difference.before)
    yield "after", _side(difference.after)
    yield "same", difference.same
    yield "measures", keys
    yield "notes", difference.notes
    yield "skipped", difference.skipped
    yield "totals", _numbers(difference.totals, keys)
    yield "functions", Rows({"name": c.place.name, "kind": c.place.kind} | _row(c, keys) for c in difference.functions)
    yield "lines", Rows({"function": c.place.function} | _row(c, of_lines) for c in difference.lines)
    yield "calls", Rows(map(_call, difference.calls))
    if difference.metrics:
        yield "metrics", Rows(map(_metric, difference.metrics))
    if difference.timings.rows:
        yield "confidence", CONFIDENCE
        yield "timings", Rows(map(_timing, difference.timings.rows))
    yield "rules", Rows(map(_verdict, verdicts))


def _metric(change: MetricChange) -> dict[str, Any]:
    found: dict[str, Any] = {"name": change.name, "span": change.span}
    for key, (before, after) in (("sum", change.sums), ("count", change.counts)):
        found[key] = {"before": before, "after": after, "change": after - before}
    return found


def _call(change: Change) -> dict[str, Any]:
    place = change.place
    found = {"function": place.function, "callee": place.name or None, "status": change.status}
    return found | _numbers(change, ["count"])
