"""The slowest calls of each span: when, how long, on which thread and in which task, from where, and with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prof.tools.analysis.options import Options
from prof.tools.analysis.sections import Note, Section
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import duration
from prof.waits import Slow, slowest

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report


def calls(report: Report) -> list[Slow]:
    """The longest first; of each span as many as were kept."""
    return slowest(report.capture, report.tree)


def sections(report: Report, options: Options) -> Iterator[Section]:
    """`prof report --show slowest`."""
    rows = calls(report)
    if not rows:
        words = "None were kept: PROF=time,…,slowest=5 keeps the 5 slowest of each span."
        yield Section("Slowest calls", remarks=[words], key="slowest")
        return
    shown = rows[: options.few or None]
    columns = [
        Column("took", [duration(slow.duration_ns) for slow in shown]),
        Column("at", [duration(slow.start_ns) for slow in shown]),
        Column("name", [slow.label.name for slow in shown], "name", left=True, stretch=True),
        Column("called by", [slow.stack[-1].name if slow.stack else "-" for slow in shown], left=True, rank=2),
        Column("in", [slow.task or slow.thread for slow in shown], "dim", left=True, rank=3),
    ]
    if any(slow.arguments for slow in shown):
        columns.append(Column("arguments", [slow.arguments for slow in shown], left=True, rank=1))
    notes = [Note("`at` is since the recording began; coroutines from the call to the end, waiting included")]
    yield Section(
        "Slowest calls", shown_of(len(shown), len(rows)), columns=columns, notes=notes, least=20, key="slowest"
    )


def documents(rows: Sequence[Slow]) -> Iterator[dict[str, Any]]:
    """Rows of the key "slowest"."""
    for slow in rows:
        yield {
            "name": slow.label.name, "kind": slow.label.kind, "file": slow.label.file, "line": slow.label.line,
            "start_ns": slow.start_ns, "duration_ns": slow.duration_ns, "thread": slow.thread,
            "task": slow.task or None, "arguments": slow.arguments or None,
            "stack": [label.name for label in slow.stack],
        }  # fmt: skip
