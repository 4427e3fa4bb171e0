"""The live view for pipes: a line of text, or an object of JSON, an interval."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from prof.tools.live.readings import Amount, Row
from prof.tools.live.watch import Interval, ProcessNow, summary
from prof.tools.screen.units import amount, duration, percent, size

MOST_ROWS = 20
_NAMED = 3


def rate(found: Amount, seconds: float) -> str:
    """`812 ms/s of time`, `12.0 MiB/s of bytes allocated`; of what is counted beside it, too."""
    each = amount(round(found.value / seconds), found.measure.unit) if seconds > 0 else "-"
    if found.count is None or found.measure.beside is None or seconds <= 0:
        return f"{each}/s {found.measure.title}"
    return f"{each}/s {found.measure.title}, {round(found.count / seconds):,}/s {found.measure.beside[2]}"


def share(row: Row, whole: Amount | None, of: int) -> str:
    """How much of the first measure a row has; of calls, where there is no measure."""
    return percent(row.values[0], of) if whole is not None and row.values else f"{row.calls:,} calls"


def innermost(process: ProcessNow) -> Iterator[str]:
    """The span that has been open longest, of each thread that has one, innermost: where it is."""
    for thread in process.threads:
        for span in thread.spans[:1]:
            yield f"{span.name} for {duration(span.ns)}" if span.ns else span.name


def text(now: Interval) -> str:
    """One line."""
    parts = [f"{duration(now.recorded_ns)}", summary(now.processes)]
    parts += [rate(each, now.seconds) for each in now.amounts]
    running = [each for each in now.processes if each.state == "running"]
    if running:
        parts.append(f"CPU {100 * sum(each.cpu_share for each in running):.0f}%")
        parts.append(f"{size(sum(each.rss_bytes for each in running))} resident")
    whole = sum(row.values[0] for row in now.rows if row.values)
    first = now.amounts[0] if now.amounts else None
    if now.rows:
        parts.append(", ".join(f"{row.name} {share(row, first, whole)}" for row in now.rows[:_NAMED]))
    if found := [words for each in running for words in innermost(each)]:
        parts.append("open: " + ", ".join(found[:_NAMED]))
    return " | ".join([*parts, *now.news])


def document(now: Interval) -> str:
    """One object of JSON, without line breaks. Its keys are in docs/screens.md."""
    return json.dumps(
        {
            "unix_ns": now.unix_ns,
            "seconds": round(now.seconds, 6),
            "recorded_ns": now.recorded_ns,
            "running": now.running,
            "rates": {each.measure.name: _rate(each, now.seconds) for each in now.amounts},
            "functions_seconds": round(now.row_seconds, 6),
            "functions": [_row(row, now) for row in now.rows[:MOST_ROWS]],
            "live_bytes": now.live_bytes,
            "dropped": now.dropped,
            "processes": [_process(each, now.thread_names) for each in now.processes],
            "news": now.news,
        },
        ensure_ascii=True,
    )


def _rate(found: Amount, seconds: float) -> dict[str, Any]:
    of = {"unit": found.measure.unit, "per_second": round(found.value / seconds, 3) if seconds > 0 else 0}
    if found.count is not None and found.measure.beside is not None:
        of[f"{found.measure.beside[2]}_per_second"] = round(found.count / seconds, 3) if seconds > 0 else 0
    return of


def _row(row: Row, now: Interval) -> dict[str, Any]:
    names = (each.measure.name for each in now.amounts)
    return {
        "kind": row.kind, "name": row.name, "file": row.file, "line": row.line, "calls": row.calls,
        **dict(zip(names, row.values, strict=True)),
    }  # fmt: skip


def _process(process: ProcessNow, names: dict[int, str]) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "state": process.state,
        "rss_bytes": process.rss_bytes,
        "cpu": round(process.cpu_share, 4),
        "tasks": process.tasks[1:],
        "why_no_threads": process.why,
        "threads": [
            {
                "id": thread.id,
                "name": names.get(thread.id, ""),
                "gil": thread.holds,
                "open": [{"name": s.name, "file": s.file, "line": s.line, "open_ns": s.ns} for s in thread.spans],
            }
            for thread in process.threads
        ],
    }
