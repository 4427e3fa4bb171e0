"""Waiting: what coroutines waited for, by line and by task, and how long their calls took from begin to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from attrs import frozen
from prof import waits
from prof.capture import Capture, Function, Label
from prof.tools.analysis.options import Options
from prof.tools.analysis.sections import Note, Section
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration, percent
from prof.waits import Durations

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

ROWS = 10  # of a table, unless more is asked for

# What the coroutines of a file of the standard library wait for: the first word of their name that is here, or "".
_BY_FILE: dict[str, dict[str, str]] = {
    "asyncio/locks.py": {
        "Lock": "lock", "Semaphore": "semaphore", "BoundedSemaphore": "semaphore", "Event": "event",
        "Condition": "condition", "Barrier": "barrier",
    },
    "asyncio/mixins.py": {"": "lock"},
    "asyncio/queues.py": {"": "queue"},
    "asyncio/tasks.py": {"sleep": "sleep", "__sleep0": "sleep", "": "task"},
    "asyncio/taskgroups.py": {"": "task"},
    "asyncio/timeouts.py": {"": "task"},
    "asyncio/streams.py": {"": "socket"},
    "asyncio/base_events.py": {"": "socket"},
    "asyncio/selector_events.py": {"": "socket"},
    "asyncio/proactor_events.py": {"": "socket"},
    "asyncio/sslproto.py": {"": "socket"},
    "asyncio/subprocess.py": {"": "process"},
    "asyncio/base_subprocess.py": {"": "process"},
    "asyncio/threads.py": {"": "executor"},
    "asyncio/futures.py": {"": "future"},
}  # fmt: skip
# Of awaitables that are no coroutines.
_BY_NAME = {"gather": "task", "executor": "executor", "Future": "future", "FutureIter": "future"}


def kind_of(what: Label) -> str:
    """What is waited for, in a word: `lock`, `semaphore`, `sleep`, `queue`, `socket`, `task`… or the library's name."""
    if not what.file:
        return "task" if what.name.startswith("task ") or what.name == "task" else _BY_NAME.get(what.name, "other")
    parts = PurePath(what.file).parts
    names = _BY_FILE.get("/".join(parts[-2:]), {})
    if names:
        return names.get(what.name.partition(".")[0], names.get("", "other"))
    for folder in ("site-packages", "dist-packages"):
        if folder in parts[:-1]:
            return parts[parts.index(folder) + 1].removesuffix(".py")
    return "other"


@frozen
class Wait:
    """Waits on one line for one thing, or of one task for one kind of thing; `label` is the line's then, or None."""

    label: Label | None
    task: str
    what: str
    kind: str
    durations: Durations
    open: int
    """Of these, how many had not ended when the recording did."""


def by_line(capture: Capture) -> list[Wait]:
    """Waits by line and what was awaited there, the longest together first."""
    rows = waits.records(capture, waits.WAITS)
    found: dict[Any, Durations] = waits.by(capture, waits.WAITS, rows, lambda row: (row.label, row.what))
    opened: dict[Any, int] = {}
    for row in rows:
        opened[row.label, row.what] = opened.get((row.label, row.what), 0) + row.more
    made = [Wait(k[0], "", k[1].name, kind_of(k[1]), d, opened[k]) for k, d in found.items() if d.count]
    return sorted(made, key=lambda w: (-w.durations.total_ns, w.label.name if w.label else "", w.what))


def by_task(capture: Capture) -> list[Wait]:
    """Waits by task and kind of what was awaited, the longest together first."""
    rows = waits.records(capture, waits.WAITS)
    found: dict[tuple[str, str], Durations] = waits.by(
        capture, waits.WAITS, rows, lambda row: (row.task, kind_of(row.what)) if row.what else None
    )
    opened: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.what:
            key = row.task, kind_of(row.what)
            opened[key] = opened.get(key, 0) + row.more
    made = [Wait(None, task, "", kind, d, opened[task, kind]) for (task, kind), d in found.items() if d.count]
    return sorted(made, key=lambda w: (-w.durations.total_ns, w.task, w.kind))


@frozen
class Latency:
    """Calls of a generator or coroutine, from the call to the end, suspensions included."""

    function: Function
    durations: Durations


def latencies(report: Report) -> list[Latency]:
    """Of each generator and coroutine of which calls have ended, those that were suspended longest first."""
    rows = waits.records(report.capture, waits.LATENCIES)
    found = waits.by(report.capture, waits.LATENCIES, rows, lambda row: row.label.index if row.label else None)
    functions = {f.label.index: f for f in report.functions}
    made = [Latency(functions[index], d) for index, d in found.items() if index in functions and d.count]
    return sorted(made, key=lambda each: (-each.function.suspended_ns, each.function.label.name))


# ---- text ----


def in_short(report: Report, options: Options) -> Iterator[Section]:
    """What the whole report says of it: nothing where no coroutine waited."""
    limit = options.few
    if lines := by_line(report.capture):
        yield lines_section(lines, limit)
    if coroutines := [each for each in latencies(report) if each.function.label.awaits]:
        yield _latency_section(coroutines, "Coroutines, from call to end", limit)


def sections(report: Report, options: Options) -> Iterator[Section]:
    """All of it."""
    limit = options.few
    lines = by_line(report.capture)
    if lines:
        yield lines_section(lines, limit)
        yield _tasks_section(by_task(report.capture), limit)
    else:
        yield Section("Waiting by line", remarks=[_why_none(report)], key="waiting")
    found = latencies(report)
    if coroutines := [each for each in found if each.function.label.awaits]:
        yield _latency_section(coroutines, "Coroutines, from call to end", limit)
    if generators := [each for each in found if not each.function.label.awaits]:
        yield _latency_section(generators, "Generators, from call to end", limit)
    if blocked := blocked_lines(report):
        yield _blocked_section(blocked, limit)


def _why_none(report: Report) -> str:
    if not report.capture.recorded("self_ns"):
        return "Waits are recorded with times: PROF=time"
    if report.summary.engine == "monitoring":
        return "The engine 'monitoring' does not see what is awaited; engine=bytecode does."
    return "No marked coroutine waited for anything."


def _total(rows: Sequence[Wait]) -> int:
    return sum(row.durations.total_ns for row in rows)


def _figures(rows: Sequence[Durations], whole: int) -> list[Column]:
    return [
        Column("waited", [duration(d.total_ns) for d in rows]),
        Column("%", [percent(d.total_ns, whole) for d in rows]),
        Column("waits", [count(d.count) for d in rows]),
        Column("p50", [duration(d.p50_ns) for d in rows]),
        Column("p99", [duration(d.p99_ns) for d in rows]),
        Column("longest", [duration(d.max_ns) for d in rows], rank=2),
    ]


def lines_section(rows: Sequence[Wait], limit: int) -> Section:
    shown = rows[: limit or None]
    columns = [
        *_figures([row.durations for row in shown], _total(rows)),
        Column("for", [row.kind for row in shown], left=True),
        Column("line", [row.label.name if row.label else "" for row in shown], "name", left=True),
        Column("in", [row.label.module if row.label else "" for row in shown], left=True, stretch=True, rank=1),
        Column("awaited", [row.what for row in shown], "dim", left=True, rank=3),
    ]
    unended = sum(row.open for row in rows)
    notes = [Note(f"{count(unended)} of them had not ended when the recording did")] if unended else []
    return Section(
        "Waiting by line", shown_of(len(shown), len(rows)), columns=columns, notes=notes, least=20, key="waiting"
    )


def _tasks_section(rows: Sequence[Wait], limit: int) -> Section:
    shown = rows[: limit or None]
    columns = [
        *_figures([row.durations for row in shown], _total(rows)),
        Column("for", [row.kind for row in shown], left=True),
        Column("task", [row.task or "(no task)" for row in shown], "name", left=True, stretch=True),
    ]
    return Section("Waiting by task", shown_of(len(shown), len(rows)), columns=columns, least=16, key="waiting")


def _latency_section(rows: Sequence[Latency], title: str, limit: int) -> Section:
    shown = rows[: limit or None]
    functions = [row.function for row in shown]
    columns = [
        Column("waiting", [duration(f.suspended_ns) for f in functions]),
        Column("running", [duration(f.total_ns) for f in functions]),
        Column("calls", [count(row.durations.count) for row in shown]),
        Column("latency p50", [duration(row.durations.p50_ns) for row in shown]),
        Column("p99", [duration(row.durations.p99_ns) for row in shown]),
        Column("longest", [duration(row.durations.max_ns) for row in shown], rank=2),
        Column("name", [f.label.name for f in functions], "name", left=True, stretch=True),
    ]
    return Section(title, shown_of(len(shown), len(rows)), columns=columns, least=20, key="waiting")


# ---- threads: blocked calls, as samples see them ----


@frozen
class Blocked:
    """A line at which threads were found off the processor; estimates."""

    label: Label
    off_cpu_ns: int


def blocked_lines(report: Report) -> list[Blocked]:
    """Lines at which samples found threads and no processor time was taken, most first; none without samples."""
    capture, tree = report.capture, report.tree
    if not capture.recorded("sampled_ns"):
        return []
    wall, cpu = (tree.label_sums(column, capture.label_count)[0] for column in ("sampled_ns", "sampled_cpu_ns"))
    found = [
        Blocked(capture.label(index), wall[index] - cpu[index])
        for index in range(capture.label_count)
        if wall[index] > cpu[index]
    ]
    lines = [each for each in found if each.label.kind == "line"]
    return sorted(lines, key=lambda each: (-each.off_cpu_ns, each.label.name))


def _blocked_section(rows: Sequence[Blocked], limit: int) -> Section:
    shown = rows[: limit or None]
    whole = sum(row.off_cpu_ns for row in rows)
    columns = [
        Column("blocked", [duration(row.off_cpu_ns) for row in shown]),
        Column("%", [percent(row.off_cpu_ns, whole) for row in shown]),
        Column("line", [row.label.name for row in shown], "name", left=True),
        Column("in", [row.label.module for row in shown], left=True, stretch=True),
    ]
    return Section(
        "Threads blocked, by line", shown_of(len(shown), len(rows)), columns=columns, least=20,
        notes=[Note("estimated: the time that samples off the CPU stand for")],
    )  # fmt: skip


# ---- JSON ----


def durations_values(d: Durations) -> dict[str, int]:
    """Keys of all that has durations."""
    names = ("count", "total_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")
    return {name: getattr(d, name) for name in names}


def wait_documents(rows: Sequence[Wait]) -> Iterator[dict[str, Any]]:
    """Rows of the key "waits": by line."""
    for row in rows:
        label = row.label
        assert label is not None
        place = {"file": label.file, "line": label.line, "function": label.module}
        yield {**place, "kind": row.kind, "awaited": row.what, "open": row.open, **durations_values(row.durations)}


def latency_documents(rows: Sequence[Latency]) -> Iterator[dict[str, Any]]:
    """Rows of the key "latencies"."""
    for row in rows:
        f = row.function
        yield {
            "name": f.label.name, "file": f.label.file, "line": f.label.line, "coroutine": f.label.awaits,
            "running_ns": f.total_ns, "waiting_ns": f.suspended_ns, **durations_values(row.durations),
        }  # fmt: skip
