"""What differs between two captures, as JSON (`tools/diff_schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prof.capture import Capture
from prof.tools.analysis.difference import Change, Difference
from prof.tools.analysis.gate import Verdict
from prof.tools.analysis.metrics import MetricChange
from prof.tools.screen.json_text import Rows, document

SCHEMA = 1


def _numbers(change: Change, keys: Sequence[str]) -> dict[str, Any]:
    pairs = {key: change.pair(key) for key in keys}
    return {key: {"before": b, "after": a, "change": a - b} for key, (b, a) in pairs.items()}


def _side(capture: Capture) -> dict[str, Any]:
    meta = capture.meta
    return {"path": str(capture.path), "name": str(meta.get("name") or ""), "python": str(meta.get("python") or "")}


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
    }


def render(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The JSON report, a row a line."""
    return document(_pairs(difference, verdicts))


def _pairs(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Any]]:
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
