"""The text report: the run, its functions, sections, memory, operations, imports and collections, and the call tree."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from prof.capture import Edge, Function, Label, Tree
from prof.tools import samples_report
from prof.tools.call_tree import tree_lines
from prof.tools.memory_report import memory_section, totals
from prof.tools.operations_report import inexact_words, operations_section
from prof.tools.operations_report import totals as operation_totals
from prof.tools.process import FATES
from prof.tools.samples_report import samples_section
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, shown_of, table
from prof.tools.units import count, duration, many, percent, shorten, volume
from prof.tools.wish import MEMORY_COLUMNS, SORTS, Wish, amounts

TREE_LINES = 60  # in the whole report
_LATENCIES = ("p50", "p90", "p99", "max")
SUSPENSIONS = "p50 to max of generators and coroutines: of a call, without the time that it was suspended"


def where(label: Label) -> str:
    """`file.py:42`, or nothing."""
    if not label.file:
        return ""
    name = PurePath(label.file).name
    return f"{name}:{label.line}" if label.line else name


def header(session: Session, note: str = "") -> Iterator[Line]:
    """The facts of the run, what it cost, and every reason to doubt the numbers."""
    capture = session.capture
    yield [(f"Profile of {session.name}", "heading"), (f"  {note}" if note else "", "dim")]
    yield plain()
    for title, text in _facts(session):
        if text:
            yield [(f"  {title:<10}", "title"), (text, "")]
    for text in _warnings(session):
        yield [("  ! ", "warning"), (text, "warning")]
    if capture.recording and not session.inside_ns:
        yield plain("  Nothing was completed yet: run `prof report` again later.", "dim")


def _facts(session: Session) -> Iterator[tuple[str, str]]:
    capture = session.capture
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(capture.start_unix_ns / 1e9))
    yield "Command", session.command
    yield "Python", ", ".join(filter(None, (session.python, session.platform)))
    yield "Recorded", ", ".join(filter(None, (began, f"process {capture.pid}", session.host and f"on {session.host}")))
    bound = "at least " if session.wall_ns > capture.duration_ns else ""
    wall = f"{bound}{duration(session.wall_ns)} wall"
    if len(session.threads) > 1:
        wall += f", {len(session.threads)} threads"
        if session.alive_ns:
            wall += f" with {duration(session.alive_ns)} together"
    yield "Time", wall
    recorder = ", ".join(filter(None, (session.engine and f"engine {session.engine}", f"clock {capture.clock}")))
    if session.memory is not None:
        for number, text in enumerate(totals(session.memory, capture.recording)):
            yield "" if number else "Memory", text
    if session.operations is not None:
        yield "Executed", operation_totals(session.operations)
    if session.sampler is not None:
        for number, text in enumerate(samples_report.totals(session.sampler)):
            yield "" if number else "Samples", text
    if not session.timed:
        yield "Recorder", recorder
        return
    base = max(session.alive_ns, session.wall_ns)
    inside = f"{duration(session.inside_ns)} inside profiled code"
    whole = "of wall" if len(session.threads) <= 1 else "of the threads' time"
    if session.inside_ns:
        share = f", {percent(session.inside_ns, base)} {whole}" if session.inside_ns <= base and not bound else ""
        yield "Profiled", inside + share
    if session.probed_calls:
        cost = f"{many(session.probed_calls, 'call')} x {capture.probe_cost_ps / 1000:.0f} ns a call"
        share = f"about {percent(session.overhead_ns, base)}".replace("about <", "below ")
        share += f" ({cost} = {duration(session.overhead_ns)})"
        yield "Overhead", share if session.overhead_ns else "unknown: the cost of a call was not measured"
        counted = [("operations", session.operations), ("allocations", session.memory)]
        if what := " and ".join(word for word, recorded in counted if recorded is not None):
            yield "", f"of the spans; counting {what} took time as well, which is not known"
    yield "Recorder", recorder


def _warnings(session: Session) -> Iterator[str]:
    capture = session.capture
    if session.fate in FATES:
        yield f"{FATES[session.fate]}: calls that had not returned lack their time"
    if capture.full:
        yield f"the capture could not grow ({capture.full}): what came later is missing, or charged to outer calls"
    if not capture.calibrated:
        yield "ended before its clock was calibrated: all times are in clock ticks, not in ns"
    if session.operations is not None and session.operations.inexact:
        yield inexact_words(session.operations)
    if session.sampler is not None:
        yield from samples_report.warnings(session.sampler)
    if capture.interleaved:
        yield "greenlets switched inside spans: the call tree and times mix what ran in turn; calls are right"
    yield from session.unrecorded
    for drop in session.drops:
        yield f"{count(drop.count)} {drop.words}"


def functions_table(functions: Sequence[Function], title: str, wish: Wish, session: Session) -> Iterator[Line]:
    """One table of functions or sections, ordered by `wish.sort`: first what that is about."""
    sort = SORTS[wish.sort]
    rows = sorted(functions, key=lambda f: (-(getattr(f, sort.field) or 0), -f.total_ns, f.label.name, f.label.index))
    shown = rows[: wish.limit] if wish.limit else rows
    of = shown_of(len(shown), len(rows))
    yield plain()
    yield [(f"{title} by {sort.words}", "heading"), (f"  {of}", "dim")]
    yield plain()
    columns = _led_by(wish, session)(shown, wish, session)
    columns += [
        Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
        Column("file", [shorten(where(f.label), 24) for f in shown], "dim", left=True, rank=7 if session.memory else 2),
    ]
    lines = table(columns, wish.width)
    yield from lines
    if any(f.label.generator for f in shown) and any(text.strip() in _LATENCIES for text, _ in lines[0]):
        yield plain(f"  {SUSPENSIONS}", "dim")


def _led_by(wish: Wish, session: Session) -> Callable[[Sequence[Function], Wish, Session], list[Column]]:
    """The columns to show: of what it is sorted by, or of the first mode that was recorded."""
    if wish.by_ops:
        return _ops_columns
    if wish.memory_column is not None:
        return _memory_columns
    if wish.tree_column == "samples":
        return _sample_columns
    if session.timed or session.memory is not None:
        return _time_columns if session.timed else _memory_columns
    if session.operations is not None:
        return _ops_columns
    return (
        _sample_columns if session.sampler is not None else _memory_columns
    )  # calls, of modes that are not known here


def _ops(function: Function, number: int | None) -> str:
    """A figure of operations, marked where it is not exact."""
    return count(number or 0) if function.exact else f"~{number or 0:,}"


def _ops_column(shown: Sequence[Function], session: Session) -> list[Column]:
    """The functions' own operations, beside another mode's figures."""
    return [Column("ops", [_ops(f, f.ops) for f in shown], "ops")] if session.operations is not None else []


def _time_columns(shown: Sequence[Function], wish: Wish, session: Session) -> list[Column]:
    """Times, and what the functions allocated themselves; beside that, latencies are what there is room for."""
    less = 4 if session.memory else 0  # added to ranks
    columns = [
        Column("self", [duration(f.self_ns) for f in shown], "time"),
        Column("%", [percent(f.self_ns, session.inside_ns) for f in shown]),
        Column("total", [duration(f.total_ns) for f in shown]),
        Column("calls", [count(f.calls) for f in shown]),
        Column("samples", [count(f.samples_self or 0) for f in shown], "samples", rank=2),
        Column("resumes", [count(f.resumes) for f in shown], rank=1 if less else 0),
        Column("suspended", [duration(f.suspended_ns) for f in shown], rank=2 if less else 0),
        Column("p50", [duration(f.p50_ns) for f in shown], rank=less + 3 + (less and 1)),
        Column("p90", [duration(f.p90_ns) for f in shown], rank=less + 4 + (less and 1)),
        Column("p99", [duration(f.p99_ns) for f in shown], rank=less and 4),
        Column("max", [duration(f.max_ns) for f in shown], rank=less and 3),
    ]
    if session.memory is not None:
        columns[4:4] = [
            Column("alloc", [volume(f.alloc_bytes) for f in shown], "memory"),
            Column("allocs", [count(f.alloc_count or 0) for f in shown], rank=6 if session.operations else 0),
        ]
    columns[4:4] = _ops_column(shown, session)
    return columns


def _memory_columns(shown: Sequence[Function], wish: Wish, session: Session) -> list[Column]:
    """What the functions allocated, led by what the table is sorted by; and their calls and time if there is room."""
    if session.memory is None:
        return [Column("calls", [count(f.calls) for f in shown])]
    lead = wish.memory_column or "alloc_bytes"
    words = amounts(lead)
    whole = getattr(session.memory, lead)
    columns = [
        Column(MEMORY_COLUMNS[lead], [words(getattr(f, lead)) for f in shown], "memory"),
        Column("%", [percent(getattr(f, lead) or 0, whole or 0) for f in shown]),
        Column("total", [words(getattr(f, f"total_{lead}")) for f in shown]),
    ]
    columns += [
        Column(title, [amounts(column)(getattr(f, column)) for f in shown])
        for column, title in MEMORY_COLUMNS.items()
        if column != lead
    ]
    columns.append(Column("calls", [count(f.calls) for f in shown], rank=1))
    columns += _ops_column(shown, session)
    if session.timed:
        columns.append(Column("self", [duration(f.self_ns) for f in shown], "time", rank=2))
    return columns


def _ops_columns(shown: Sequence[Function], wish: Wish, session: Session) -> list[Column]:
    """What the functions executed; beside that what other modes say of them."""
    assert session.operations is not None
    whole = session.operations.count
    columns = [
        Column("ops", [_ops(f, f.ops) for f in shown], "ops"),
        Column("%", [percent(f.ops or 0, whole) for f in shown]),
        Column("total", [_ops(f, f.total_ops) for f in shown]),
        Column("total %", [percent(f.total_ops or 0, whole) for f in shown], rank=3),
        Column("calls", [count(f.calls) for f in shown]),
        Column("ops a call", [count((f.ops or 0) // f.calls) if f.calls else "-" for f in shown], rank=2),
    ]
    if session.timed:
        columns.append(Column("self", [duration(f.self_ns) for f in shown], "time", rank=1))
    if session.memory is not None:
        columns.append(Column("alloc", [volume(f.alloc_bytes) for f in shown], "memory", rank=1))
    return columns


def _sample_columns(shown: Sequence[Function], wish: Wish, session: Session) -> list[Column]:
    """Samples of the functions and of what they called; and their calls and time if there is room."""
    assert session.sampler is not None
    columns = [
        Column("self", [count(f.samples_self or 0) for f in shown], "samples"),
        Column("%", [percent(f.samples_self or 0, session.sampler.samples) for f in shown]),
        Column("total", [count(f.samples or 0) for f in shown]),
        Column("on cpu", [percent(f.samples_cpu_self or 0, f.samples_self or 0) for f in shown]),
        Column("waits for GIL", [percent(f.samples_gil_wait_self or 0, f.samples_self or 0) for f in shown], rank=2),
        Column("calls", [count(f.calls) for f in shown], rank=1),
    ]
    if session.timed:
        columns.append(Column("exact self", [duration(f.self_ns) for f in shown], "time", rank=1))
    return columns


def imports_table(functions: Sequence[Function], wish: Wish, session: Session) -> Iterator[Line]:
    """What importing took; self time is without what a module imports in turn."""
    key = "total_ns" if session.timed else "total_alloc_bytes" if session.memory is not None else "samples"
    rows = sorted(functions, key=lambda f: (-(getattr(f, key) or 0), f.label.name))
    shown = rows[: wish.limit] if wish.limit else rows
    yield plain()
    words = {"total_ns": "time", "total_alloc_bytes": "bytes allocated", "samples": "samples"}[key]
    yield [(f"Imports by cumulative {words}", "heading"), (f"  {len(shown)} of {len(rows)}", "dim")]
    yield plain()
    columns = [
        Column("cumulative", [duration(f.total_ns) for f in shown], "time"),
        Column("self", [duration(f.self_ns) for f in shown]),
    ] if session.timed else []  # fmt: skip
    yield from table(
        [
            *columns,
            Column("alloc", [volume(f.total_alloc_bytes) for f in shown], "memory"),
            Column("held", [volume(f.total_live_bytes) for f in shown]),
            Column("samples", [count(f.samples or 0) for f in shown], "samples"),
            Column("module", [f.label.name.removeprefix("import ") for f in shown], "name", left=True, stretch=True),
            Column("file", [shorten(where(f.label), 30) for f in shown], "dim", left=True, rank=1),
        ],
        wish.width,
    )


def collections_table(functions: Sequence[Function], wish: Wish, session: Session) -> Iterator[Line]:
    """What the garbage collector took and gave."""
    rows = sorted(functions, key=lambda f: f.label.name)
    yield plain()
    yield plain("Garbage collections", "heading")
    yield plain()
    columns = [
        Column("runs", [count(f.calls) for f in rows]),
        Column("reclaimed", [count(f.items) for f in rows]),
    ]
    if session.timed:
        columns[:0] = [
            Column("time", [duration(f.total_ns) for f in rows], "time"),
            Column("%", [percent(f.total_ns, session.inside_ns) for f in rows]),
        ]
        columns.append(Column("longest", [duration(f.max_ns) for f in rows]))
    names = [f.label.name.removeprefix("gc ") for f in rows]
    yield from table([*columns, Column("generation", names, "name", left=True, stretch=True)], wish.width)


def edges_table(
    function: Function, edges: Sequence[Edge], callers: bool, wish: Wish, timed: bool = True
) -> Iterator[Line]:
    """Who called a function, or what it called. Percentages are of the function's total time."""
    rows = [e for e in edges if (e.callee if callers else e.caller) == function.label]
    shown = rows[: wish.limit] if wish.limit else rows
    ends = [(e.caller if callers else e.callee) for e in shown]
    yield plain()
    title = "Callers of" if callers else "Called by"
    facts = many(function.calls, "call")
    facts += f", {duration(function.total_ns)} total, {duration(function.self_ns)} self" if timed else ""
    yield [(f"{title} {function.label.name}", "heading"), (f"  {facts}", "dim")]
    yield plain()
    if not rows:
        yield plain("  none recorded", "dim")
        return
    columns = [
        Column("total", [duration(e.total_ns) for e in shown], "time"),
        Column("%", [percent(e.total_ns, function.total_ns) for e in shown]),
        Column("self", [duration(e.self_ns) for e in shown]),
    ] if timed else []  # fmt: skip
    yield from table(
        [
            *columns,
            Column("calls", [count(e.calls) for e in shown]),
            Column("resumes", [count(e.resumes) for e in shown]),
            Column("caller" if callers else "callee", [end.name if end else "(outside)" for end in ends], "name",
                   left=True, stretch=True),
            Column("file", [where(end) if end else "" for end in ends], "dim", left=True, rank=1),
        ],
        wish.width,
    )  # fmt: skip


def report(session: Session, tree: Tree, functions: Sequence[Function], wish: Wish, note: str = "") -> Iterator[Line]:
    """The whole report."""
    yield from header(session, note)
    by_kind: dict[str, list[Function]] = {}
    for function in functions:
        by_kind.setdefault(function.label.kind, []).append(function)
    functions = [f for kind in ("function", "native", "other") for f in by_kind.get(kind, ())]
    if functions:
        yield from functions_table(functions, "Functions", wish, session)
    if "section" in by_kind:
        yield from functions_table(by_kind["section"], "Sections", wish, session)
    if wish.by_ops:
        yield from operations_section(session, tree, wish)
    if session.memory is not None:
        yield from memory_section(session, session.memory, tree, wish.memory_column, wish.limit, wish.width)
    if not wish.by_ops:
        yield from operations_section(session, tree, wish)
    if session.sampler is not None:
        spans = [f for rows in by_kind.values() for f in rows]
        yield from samples_section(session, session.sampler, tree, spans, wish)
    if "import" in by_kind and (session.timed or session.memory is not None or session.sampler is not None):
        yield from imports_table(by_kind["import"], wish, session)
    if "gc" in by_kind:
        yield from collections_table(by_kind["gc"], wish, session)
    if tree.count > 1:
        yield from tree_lines(session, tree, wish, TREE_LINES)
