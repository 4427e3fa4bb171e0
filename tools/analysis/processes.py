"""The processes of several captures that are read as one: a table for people, a list for tools.

Of one capture nothing is said here: it is one process, and the head of every report is about that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prof.capture import Process
from prof.text import shown
from prof.tools.analysis.fate import FATES, fate_of
from prof.tools.analysis.sections import Note, Section
from prof.tools.analysis.summary import Summary
from prof.tools.analysis.view import TreeColumn
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration, percent, volume

TITLE = "Processes"


def _figures(summary: Summary) -> list[tuple[str, TreeColumn]]:
    """What a process has of each mode: the column that its call tree is by."""
    return [item for view in summary.views for item in list(view.tree_columns.items())[:1]]


def which(summary: Summary) -> str:
    """Which process was recorded, or how many."""
    found = summary.capture.processes
    return f"{len(found):,} process{'es' * (len(found) != 1)}" if found else f"process {summary.capture.pid}"


def warnings(summary: Summary) -> Iterator[str]:
    """What is left out, and what became of processes that did not end in order."""
    yield from summary.capture.notes
    ended: dict[str, list[Process]] = {}
    for process in summary.capture.processes:
        ended.setdefault(fate_of(process, process.host), []).append(process)
    for fate, words in FATES.items():
        if fate in ended:
            yield f"{_named(ended[fate])} {words}: calls that had not returned lack their time"
    full: dict[str, list[Process]] = {}
    for process in summary.capture.processes:
        full.setdefault(process.full, []).append(process)
    for why, each in full.items():
        if why:
            lost = "what came later is missing, or charged to outer calls"
            yield f"the capture of {_named(each)} could not grow ({why}): {lost}"


def _named(found: list[Process]) -> str:
    """`process 12`, `processes 12 and 13`, `processes 12, 13, 14 and 7 more`."""
    if len(found) == 1:
        return f"process {found[0].pid}"
    shown = [str(process.pid) for process in found[:3]]
    last = f"{len(found) - 3:,} more" if len(found) > 3 else shown.pop()
    return f"processes {', '.join(shown)} and {last}"


def _shown(summary: Summary, limit: int) -> list[Process]:
    """The processes: all, or those with most of the first figure, in their order."""
    found, figures = summary.capture.processes, _figures(summary)
    if not limit or len(found) <= limit:
        return found
    column = figures[0][0] if figures else "calls"
    largest = sorted(range(len(found)), key=lambda n: -found[n].totals.get(column, 0))[:limit]
    return [found[n] for n in sorted(largest)]


def _columns(summary: Summary, shown: list[Process]) -> list[Column]:
    every = summary.capture.processes
    begin = min(process.start_unix_ns for process in every)
    columns = [
        Column("pid", [str(p.pid) for p in shown]),
        Column("parent", [str(p.parent or "-") for p in shown], rank=2),
        Column("began after", [duration(p.start_unix_ns - begin) for p in shown], rank=4),
        Column("wall", [duration(p.duration_ns) for p in shown]),
    ]
    for index, (column, figure) in enumerate(_figures(summary)):
        whole = sum(p.totals.get(column, 0) for p in every)
        amounts = [p.totals.get(column) for p in shown]
        name = summary.views[index].name
        columns.append(Column(name, [figure.format(n) if n is not None else "-" for n in amounts], name))
        columns.append(Column("%", [percent(n or 0, whole) for n in amounts], rank=index and 5))
    fates = [fate_of(p, p.host).replace("closed", "-") for p in shown]
    hosts = [p.host for p in shown] if len({p.host for p in every}) > 1 else []
    return [
        *columns,
        Column("threads", [count(p.threads) for p in shown], rank=6),
        Column("peak RSS", [volume(p.peak_rss_bytes) for p in shown], rank=3),
        Column("state", fates, "warning", left=True),
        *([Column("host", hosts, left=True, rank=1)] if hosts else []),
        Column("program", [p.command for p in shown], "name", left=True, stretch=True, depths=[p.depth for p in shown]),
    ]  # fmt: skip


def section(summary: Summary, limit: int = 0) -> Section:
    """The table of the processes, of `limit` at most (0: all)."""
    every = summary.capture.processes
    shown = _shown(summary, limit)
    notes = [Note(text) for text in _not_summed(summary)]
    return Section(
        TITLE, shown_of(len(shown), len(every)), columns=_columns(summary, shown), notes=notes, key="processes"
    )


def _not_summed(summary: Summary) -> Iterator[str]:
    """Whose figures stand for all in the rest of the report, where a sum would say nothing."""
    if found := summary.capture.peak_process:
        yield f"Peaks of what was allocated are those of process {found.pid}, which are the highest."
    if found := summary.capture.largest_process:
        yield f"The memory of the process over time is that of process {found.pid}, which had most."


def documents(summary: Summary) -> Iterator[dict[str, Any]]:
    """The rows of the key "processes" of the JSON report."""
    return (_object(summary, process) for process in summary.capture.processes)


def _object(summary: Summary, process: Process) -> dict[str, Any]:
    found: dict[str, Any] = {
        "pid": process.pid,
        "parent": process.parent,
        "depth": process.depth,
        "name": process.name,
        "command": process.command,
        "capture": shown(str(process.path)),
        "host": process.host,
        "python": process.python,
        "start": process.start_unix_ns / 1e9,
        "duration_ns": process.duration_ns,
        "state": fate_of(process, process.host),
        "threads": process.threads,
        "totals": {column: process.totals[column] for column, _ in _figures(summary) if column in process.totals},
        "dropped": {drop.key: drop.count for drop in process.drops},
    }
    if process.peak_rss_bytes is not None:
        found["peak_rss_bytes"] = process.peak_rss_bytes
    if process.full:
        found["full"] = process.full
    return found
