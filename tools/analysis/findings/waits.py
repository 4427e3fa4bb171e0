"""What coroutines waited for, by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prof import waits
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.waiting import Wait, by_line
from prof.tools.screen.units import duration, many, percent

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

# Tasks wait beside each other: what they wait is no share of the run.
_WEIGHT = 0.7
_LEAST = 0.05


def evidence(report: Report) -> Iterator[Evidence]:
    """Lines with a twentieth of all waiting at least."""
    rows = by_line(report.capture)
    whole = sum(row.durations.total_ns for row in rows)
    wall = max(1, report.summary.wall_ns)
    for row in rows:
        total, label = row.durations.total_ns, row.label
        if label is None or total < _LEAST * whole or not total or report.whose.library_of(label.file):
            continue
        text = f"waited {duration(total)} for {row.kind} ({row.what}), {percent(total, whole)} of all waiting of tasks:"
        text += (
            f" {many(row.durations.count, 'wait')}, the longest {duration(row.durations.max_ns)}{_task(report, row)}"
        )
        yield Evidence(
            kind="waiting", file=label.file, line=label.line, function=label.module, begins=(label.file, 0), text=text,
            sure="measured exactly", share=total / whole, of="waiting of tasks",
            weight=_WEIGHT * total / whole * min(1.0, total / wall), more="--show waiting",
        )  # fmt: skip


def _task(report: Report, wait: Wait) -> str:
    """The task that has half of the waiting or more, in words."""
    capture = report.capture
    rows = waits.records(capture, waits.WAITS)
    of = waits.by(capture, waits.WAITS, rows, lambda row: row.task if row.label == wait.label else None)
    task, most = max(((task, each.total_ns) for task, each in of.items()), key=lambda each: each[1], default=("", 0))
    return f", mostly in task {task}" if task and 2 * most > wait.durations.total_ns else ""
