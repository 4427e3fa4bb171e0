"""Tasks, contexts and threads, told apart: what each ran, and what it waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import frozen
from prof import waits
from prof.capture import Capture, Thread, open_capture
from prof.errors import UsageError
from prof.tools.analysis.options import Options
from prof.tools.analysis.sections import Note, Section
from prof.tools.analysis.waiting import durations_values, kind_of
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration
from prof.waits import Durations

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

NONE = Durations(0, 0, 0, 0, 0, 0, 0)


@frozen
class Activity:
    """What the tasks of one name did, or what was done in one context."""

    name: str
    ended: int
    """Tasks that ended, or contexts."""
    runs: Durations
    """Of tasks: runs of the event loop, each from where a task goes on to where it waits again."""
    waits: Durations
    whole: Durations
    """Of contexts, from their begin to their end."""
    awaited: tuple[tuple[str, int], ...]
    """Kinds of what was waited for, each with its ns, most first."""
    open: int
    """Waits that had not ended when the recording did."""


def _by(capture: Capture, by_context: bool) -> list[Activity]:
    waited, active = (waits.records(capture, kind) for kind in (waits.WAITS, waits.ACTIVITIES))

    def name(row: waits.Record) -> str | None:
        return (row.context if by_context else row.task) or None

    sums = waits.by(capture, waits.WAITS, waited, name)
    runs = waits.by(capture, waits.ACTIVITIES, active, lambda row: name(row) if row.steps else None)
    whole = waits.by(capture, waits.ACTIVITIES, active, lambda row: None if row.steps else name(row))
    kinds = waits.by(
        capture, waits.WAITS, waited, lambda row: (name(row), kind_of(row.what)) if name(row) and row.what else None
    )
    ended: dict[str | None, int] = {}
    opened: dict[str | None, int] = {}
    for row in active:
        ended[name(row)] = ended.get(name(row), 0) + (row.more if row.steps and not by_context else 0)
    for row in waited:
        opened[name(row)] = opened.get(name(row), 0) + row.more
    awaited: dict[str | None, list[tuple[str, int]]] = {}
    for (each, kind), d in kinds.items():
        awaited.setdefault(each, []).append((kind, d.total_ns))
    found = [
        Activity(
            each, ended.get(each, 0) if not by_context else whole.get(each, NONE).count, runs.get(each, NONE),
            sums.get(each, NONE), whole.get(each, NONE),
            tuple(sorted(awaited.get(each, ()), key=lambda pair: (-pair[1], pair[0]))), opened.get(each, 0),
        )
        for each in {**sums, **runs, **whole}
    ]  # fmt: skip
    return sorted(found, key=lambda a: (-(a.whole.total_ns or a.runs.total_ns + a.waits.total_ns), a.name))


def tasks(capture: Capture) -> list[Activity]:
    """asyncio's tasks by name, the busiest first: what they ran and waited together."""
    return _by(capture, by_context=False)


def contexts(capture: Capture) -> list[Activity]:
    """What `prof.context` names, the longest together first."""
    return _by(capture, by_context=True)


@frozen
class ThreadRow:
    """A thread: what it spent in spans, and its processor time where that is known."""

    process: str
    thread: Thread
    calls: int
    inside_ns: int
    sampled_ns: int | None
    sampled_cpu_ns: int | None


def threads(report: Report) -> list[ThreadRow]:
    """The threads of all captures, each process's in the order in which they began."""
    capture = report.capture
    if not capture.processes:
        return list(_threads(capture, ""))
    found: list[ThreadRow] = []
    for process in capture.processes:
        with open_capture(process.path) as part, suppress(UsageError):  # raised where nothing of it is left
            if capture.chosen is not None:
                part.choose(*capture.chosen)
            found += _threads(part, str(process.pid))
    return found


def _threads(capture: Capture, process: str) -> Iterator[ThreadRow]:
    sampled = capture.recorded("sampled_ns")
    for index, thread in enumerate(capture.threads):
        if not capture.has_thread(index):
            continue
        tree = capture.tree(index)
        sums = [tree.inclusive(c)[0] if sampled else None for c in ("sampled_ns", "sampled_cpu_ns")]
        calls = tree.inclusive("calls")[0] - tree.calls[0]
        yield ThreadRow(process, thread, calls, tree.total_ns[0] - tree.self_ns[0], *sums)


# ---- text ----


def task_sections(report: Report, options: Options) -> Iterator[Section]:
    """`prof report --show tasks`."""
    rows = tasks(report.capture)
    if not rows:
        yield Section("Tasks", remarks=["No marked coroutine ran in a task of asyncio's."], key="tasks")
    else:
        yield _section("Tasks", "task", rows, options.few)
    if found := contexts(report.capture):
        yield _section("Contexts", "context", found, options.few)


def context_sections(report: Report, options: Options) -> Iterator[Section]:
    """What the whole report says of contexts: nothing where the program names none."""
    if found := contexts(report.capture):
        yield _section("Contexts", "context", found, options.few)


def _section(title: str, noun: str, rows: Sequence[Activity], limit: int) -> Section:
    shown = rows[: limit or None]
    columns = []
    if noun == "context":
        columns += [
            Column("total", [duration(a.whole.total_ns) for a in shown]),
            Column("times", [count(a.whole.count) for a in shown]),
            Column("p50", [duration(a.whole.p50_ns) for a in shown]),
            Column("p99", [duration(a.whole.p99_ns) for a in shown]),
        ]
    else:
        columns += [Column("ended", [count(a.ended) for a in shown])]
    columns += [
        Column("running", [duration(a.runs.total_ns) for a in shown]),
        Column("runs", [count(a.runs.count) for a in shown], rank=2),
        Column("longest run", [duration(a.runs.max_ns) for a in shown], rank=1),
        Column("waiting", [duration(a.waits.total_ns) for a in shown]),
        Column("for", [", ".join(kind for kind, _ in a.awaited[:3]) or "-" for a in shown], left=True),
        Column(noun, [a.name for a in shown], "name", left=True, stretch=True),
    ]
    notes = [Note("a long run keeps all other tasks of the event loop waiting", frozenset(("longest run",)))]
    if noun == "task":
        notes.append(Note("name() stands for tasks that nobody has named, by their coroutine"))
    return Section(title, shown_of(len(shown), len(rows)), columns=columns, notes=notes, least=16, key=f"{noun}s")


def thread_sections(report: Report, options: Options) -> Iterator[Section]:
    """`prof report --show threads`."""
    if not report.capture.apart:
        remark = (
            "Of captures that were merged, what a thread did by itself is not known: ask those that they were made of."
        )
        yield Section("Threads", remarks=[remark], key="threads")
        return
    rows = sorted(threads(report), key=lambda row: (-row.inside_ns, row.thread.start_ns))
    shown = rows[: options.few or None]
    columns = [
        Column("in spans", [duration(row.inside_ns) for row in shown]),
        Column("calls", [count(row.calls) for row in shown]),
        Column("CPU", [duration(row.thread.cpu_ns) for row in shown]),
        Column("alive", [duration(row.thread.alive_ns) for row in shown]),
    ]
    if any(row.sampled_ns is not None for row in rows):
        columns += [
            Column("sampled", [duration(row.sampled_ns or 0) for row in shown]),
            Column("sampled CPU", [duration(row.sampled_cpu_ns or 0) for row in shown], rank=1),
        ]
    if any(row.process for row in rows):
        columns.append(Column("process", [row.process for row in shown]))
    columns.append(Column("thread", [row.thread.name for row in shown], "name", left=True, stretch=True))
    note = Note("CPU of a thread that still runs, or was killed, is not known", frozenset(("CPU",)))
    unknown = any(not row.thread.cpu_ns for row in shown)
    notes = [note] if unknown else []
    yield Section("Threads", shown_of(len(shown), len(rows)), columns=columns, notes=notes, key="threads")


# ---- JSON ----


def activity_documents(rows: Sequence[Activity]) -> Iterator[dict[str, Any]]:
    """Rows of the keys "tasks" and "contexts"."""
    for a in rows:
        yield {
            "name": a.name, "ended": a.ended, "open_waits": a.open, "runs": durations_values(a.runs),
            "waits": durations_values(a.waits), "whole": durations_values(a.whole),
            "awaited": [{"kind": kind, "total_ns": ns} for kind, ns in a.awaited],
        }  # fmt: skip
