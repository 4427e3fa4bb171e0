"""What differs between two captures, as text and as JSON (`tools/diff_schema.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from prof.capture import Capture
from prof.tools.diff import Change, Counted, Difference
from prof.tools.rules import Verdict
from prof.tools.table import Column, Line, plain, table
from prof.tools.units import count, signed, size

SCHEMA = 1
LISTED = 5  # functions that broke a rule, by name


def amount(number: int, unit: str) -> str:
    """A number in its unit; bytes exactly while they are few."""
    return size(number) if unit == "B" else f"{number:,}"


def _signed(number: int, unit: str = "") -> str:
    return signed(amount(abs(number), unit), number)


def rate(before: int, after: int) -> str:
    """`+4.0%`; `new` and `gone` where one of them is nothing."""
    if before == after:
        return "-"
    if not before or not after:
        return "gone" if before else "new"
    share = 100 * (after - before) / before
    return f"{share:+.1f}%" if abs(share) >= 0.05 else f"{'+' if share > 0 else '-'}<0.1%"


# ---- text ----


def text(difference: Difference, verdicts: Sequence[Verdict], limit: int, width: int) -> Iterator[Line]:
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
    yield from _functions(difference, limit, width)
    yield from _lines(difference, limit, width)
    yield from _calls(difference, limit, width)
    yield from _rules(verdicts)


def _totals(difference: Difference, width: int) -> Iterator[Line]:
    pairs = [difference.totals.pair(c.key) for c in difference.counted]
    yield from table(
        [
            Column("in functions and sections", [c.words for c in difference.counted], "title", left=True),
            Column("before", [f"{before:,}" for before, _ in pairs]),
            Column("after", [f"{after:,}" for _, after in pairs]),
            Column("change", [_signed(after - before) for before, after in pairs], "change"),
            Column("%", [rate(before, after) for before, after in pairs]),
        ],
        width,
    )


def _heading(title: str, shown: int, every: int, more: str = "") -> Iterator[Line]:
    yield plain()
    of = f"{count(shown)} of {count(every)}" if shown < every else f"all {count(every)}"
    yield [(title, "heading"), (f"  {of} that differ{more}", "dim")]
    yield plain()


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


def _functions(difference: Difference, limit: int, width: int) -> Iterator[Line]:
    rows = difference.functions
    if not rows:
        return
    shown = rows[: limit or None]
    same = len(difference.every) - len(rows)
    others = f"; {count(same)} do not" if same else ""
    yield from _heading(f"Functions by change of {difference.counted[0].words}", len(shown), len(rows), others)
    yield from table(
        [
            *_columns(shown, difference.counted),
            Column("name", [change.place.name for change in shown], "name", left=True, stretch=True),
            Column("file", [_where(change) for change in shown], "dim", left=True, rank=3),
        ],
        width,
    )


def _lines(difference: Difference, limit: int, width: int) -> Iterator[Line]:
    rows = difference.lines
    if not rows:
        return
    shown = rows[: limit or None]
    runs = Counted("count", "runs", "", "")
    yield from _heading(f"Lines by change of {difference.counted[0].words}", len(shown), len(rows))
    yield from table(
        [
            *_columns(shown, (*difference.counted[:-1], runs)),
            Column("line", [_where(change) for change in shown], "name", left=True),
            Column("function", [change.place.function for change in shown], left=True, stretch=True),
        ],
        width,
        least=16,
    )


def _calls(difference: Difference, limit: int, width: int) -> Iterator[Line]:
    rows = difference.calls
    if not rows:
        return
    shown = rows[: limit or None]
    yield from _heading("Calls by name", len(shown), len(rows))
    yield from table(
        [
            *_columns(shown, (Counted("count", "calls", "", ""),)),
            Column("callee", [change.place.name or "(no name)" for change in shown], "name", left=True),
            Column("in", [change.place.function for change in shown], left=True, stretch=True),
        ],
        width,
    )


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


# ---- JSON ----


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


def document(difference: Difference, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The JSON report."""
    keys = [c.key for c in difference.counted]
    return {
        "schema": SCHEMA,
        "before": _side(difference.before),
        "after": _side(difference.after),
        "same": difference.same,
        "measures": keys,
        "notes": difference.notes,
        "skipped": difference.skipped,
        "totals": _numbers(difference.totals, keys),
        "functions": [{"name": c.place.name, "kind": c.place.kind} | _row(c, keys) for c in difference.functions],
        "lines": [{"function": c.place.function} | _row(c, [*keys[:-1], "count"]) for c in difference.lines],
        "calls": [
            {"function": c.place.function, "callee": c.place.name or None, "status": c.status} | _numbers(c, ["count"])
            for c in difference.calls
        ],
        "rules": [_verdict(verdict) for verdict in verdicts],
    }


def json_text(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The JSON report, a row a line."""
    parts = document(difference, verdicts)
    for number, (key, value) in enumerate(parts.items()):
        yield ("{" if number == 0 else ",\n") + f"{json.dumps(key)}: "
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "]"
        else:
            yield json.dumps(value, ensure_ascii=False)
    yield "}\n"
