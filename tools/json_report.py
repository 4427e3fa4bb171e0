"""The JSON report, `tools/schema.json`: the contract for every other tool. Modes that were off leave their keys out.

It is flat, lists of rows, and bounded: no list has more rows than asked for, and what is left out is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import asdict
from prof.capture import (
    LINE_COLUMNS,
    NO_LABEL,
    USAGE_COLUMNS,
    Capture,
    Edge,
    Function,
    Label,
    MemoryTotals,
    Sampler,
    Tree,
)
from prof.counted import Operands, Operations, Site
from prof.tools import operations as sums
from prof.tools.call_tree import main_column, own_value, shown_order
from prof.tools.comparison import Comparison, compare
from prof.tools.html_data import SHARES
from prof.tools.lines import Names, SourceLine, merged
from prof.tools.session import OperationTotals, Session

SCHEMA = 2
MIN_PERCENT = 0.01
LIMIT = 1000
_TIMES = ("overhead_ns", "inside_ns", "outside_ns", "profiler_ns")
_FUNCTION_TIMES = ("total_ns", "self_ns", "suspended_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")
_FUNCTION_MEMORY = (
    *LINE_COLUMNS, "total_alloc_count", "total_alloc_bytes", "total_live_bytes", "total_peak_bytes",
)  # fmt: skip
_encode = json.JSONEncoder(ensure_ascii=False).encode  # one for all rows: json.dumps would make one for each
_FUNCTION_SAMPLES = (
    "samples", "samples_self", "samples_cpu", "samples_cpu_self", "samples_gil_held_self", "samples_gil_wait_self",
    "sampled_ns", "sampled_self_ns", "sampled_cpu_self_ns", *USAGE_COLUMNS.values(),
)  # fmt: skip
_ROOT = {"name": "all", "file": "", "line": 0}


def session_object(session: Session) -> dict[str, Any]:
    """The key "session"."""
    capture = session.capture
    begin = capture.start_unix_ns
    found: dict[str, Any] = {
        "name": session.name,
        "start": begin / 1e9,
        "end": (begin + capture.duration_ns) / 1e9,
        "duration_ns": capture.duration_ns,
        "state": session.fate,
        "python": session.python,
        "platform": session.platform,
        "clock": capture.clock,
        "clock_calibrated": capture.calibrated,
        "engine": session.engine,
        "modes": list(session.modes),
        "interval_ns": capture.interval_ns,
        "host": session.host,
        "pid": capture.pid,
        "argv": [str(argument) for argument in capture.meta.get("argv") or []],
        "probe_cost_ns": capture.probe_cost_ps / 1000,
        "overhead_ns": session.overhead_ns,
        "inside_ns": session.inside_ns,
        "outside_ns": session.outside_ns,
        "profiler_ns": session.profiler_ns,
        "threads": [
            {"native_id": t.native_id, "name": t.name, "start_ns": t.start_ns, "alive_ns": t.alive_ns}
            for t in session.threads
        ],
        "dropped": {drop.key: drop.count for drop in session.drops},
    }
    if capture.full:
        found["full"] = capture.full
    if capture.interleaved:
        found["interleaved"] = True
    if session.unrecorded:
        found["unrecorded"] = session.unrecorded
    return found if session.timed else {key: value for key, value in found.items() if key not in _TIMES}


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was not recorded."""
    return {key: value for key, value in values.items() if value is not None}


def function_object(function: Function, timed: bool = True) -> dict[str, Any]:
    """An entry of "functions". `exact`: all but its samples is; false for a frame, met by samples alone."""
    label = function.label
    found: dict[str, Any] = {key: getattr(label, key) for key in ("name", "kind", "module", "file", "line")}
    found |= {"calls": function.calls, "resumes": function.resumes}
    if timed and label.has("self_ns"):
        found |= {key: getattr(function, key) for key in _FUNCTION_TIMES}
    found |= _known({key: getattr(function, key) for key in _FUNCTION_MEMORY})
    if function.operations is not None:
        found |= {"ops_total": function.ops, "total_ops": function.total_ops, "ops": function.operations}
    found |= _known({key: getattr(function, key) for key in _FUNCTION_SAMPLES})
    found["exact"] = function.exact and label.kind != "frame"
    if label.kind == "gc":
        found["reclaimed"] = function.items
    return found


def line_object(line: SourceLine) -> dict[str, Any]:
    """An entry of "lines"."""
    found: dict[str, Any] = {"file": line.file, "line": line.line, "function": line.function}
    if line.memory is not None:
        keys = (*(LINE_COLUMNS if line.memory.alloc_count else ()), "samples")
        found |= _known({key: getattr(line.memory, key) for key in keys})
    if line.executed is not None:
        site = line.executed
        found |= {"count": site.count, "ops_total": site.ops, "ops": site.operations, "exact": not site.code.inexact}
    return found


def sampler_object(sampler: Sampler, compared: Sequence[Comparison], limit: int) -> dict[str, Any]:
    """The key "samples"; shares are from 0 to 1."""
    found = asdict(sampler) | {"gil_known": sampler.lock, "gil_waits_known": sampler.waits, "inside": sampler.inside}
    del found["lock"], found["waits"]
    if compared:
        found["comparison"] = [
            {
                "name": row.function.label.name,
                "file": row.function.label.file,
                "line": row.function.label.line,
                "self_ns": row.function.self_ns,
                "samples": row.samples,
                "exact_share": row.exact,
                "sampled_share": row.sampled,
                "error": row.error,
                "agrees": row.agrees,
            }
            for row in compared[: limit or None]
        ]
        found["comparison_omitted"] = len(compared) - len(found["comparison"])
    return found


def memory_object(session: Session, memory: MemoryTotals, limit: int) -> dict[str, Any]:
    """The key "memory"."""
    found = _known(asdict(memory))
    if memory.size_classes is not None:
        found["size_classes"] = [{"least": least, "count": number} for least, number in memory.size_classes]
    if types := sorted(session.capture.types, key=lambda t: (-t.bytes, t.name)):
        found["types"] = [asdict(row) for row in types[: limit or None]]
        found["types_omitted"] = len(types) - len(found["types"])
    return found


def process_object(capture: Capture, limit: int) -> dict[str, Any]:
    """The key "process": its memory, where that was recorded, and what it took beside, where samples were."""
    found: dict[str, Any] = {}
    if series := capture.series:
        found["rss_bytes"] = series[-1].rss_bytes
        found["peak_rss_bytes"] = max(moment.rss_bytes for moment in series)
        found["series"] = [asdict(moment) for moment in _thinned(series, limit)]
    if usage := capture.process:
        found["usage"] = [asdict(moment) for moment in _thinned(usage, limit)]
    return found


_Row = TypeVar("_Row")


def _thinned(rows: Sequence[_Row], limit: int) -> Sequence[_Row]:
    """At most `limit` of the rows (0: all), evenly over all of them, the first and the last among them."""
    if not limit or len(rows) <= limit:
        return rows
    last = len(rows) - 1
    return [rows[last * k // max(1, limit - 1)] for k in range(limit)]


def _most(lines: list[SourceLine], limit: int) -> list[SourceLine]:
    """The lines with most of something: at most `limit` by each mode (0: all), in their order."""
    if not limit or len(lines) <= limit:
        return lines
    amounts: tuple[Callable[[SourceLine], int], ...] = (
        lambda line: line.memory.alloc_bytes if line.memory is not None else 0,
        lambda line: line.memory.samples or 0 if line.memory is not None else 0,
        lambda line: line.executed.ops if line.executed is not None else 0,
    )
    kept: set[int] = set()
    for amount in amounts:
        kept.update(
            sorted((n for n, line in enumerate(lines) if amount(line)), key=lambda n: -amount(lines[n]))[:limit]
        )
    return [lines[n] for n in sorted(kept)]


def _range(site: Site | Operands) -> dict[str, Any]:
    return {
        "function": site.code.name, "file": site.code.file, "line": site.line, "end_line": site.end_line,
        "column": site.columns[0], "end_column": site.columns[1],
    }  # fmt: skip


def _call(site: Site) -> dict[str, Any]:
    return {"function": site.code.name, "callee": sums.callee(site) or None, "count": site.count}


def _access(site: Site) -> dict[str, Any]:
    counts = {"reads": site.reads, "writes": site.writes, "deletes": site.deletes}
    return {"function": site.code.name, "name": site.name} | counts


def _variable(site: Site) -> dict[str, Any]:
    return _access(site) | {"scope": site.category}


def _branch(site: Site) -> dict[str, Any]:
    counts = {"count": site.count, "taken": site.taken, "not_taken": max(0, site.count - site.taken)}
    return _range(site) | {"kind": "loop" if site.category else "test"} | counts


def _expression(site: Site) -> dict[str, Any]:
    return _range(site) | {"count": site.count, "ops_total": site.ops, "ops": site.operations}


def _operands(operands: Operands) -> dict[str, Any]:
    found = {"category": operands.category, "name": operands.name or None, "types": operands.types}
    return _range(operands) | found | {"seen": operands.seen, "count": operands.count}


def operations(solved: Operations, totals: OperationTotals, limit: int) -> Iterator[str]:
    """The key "operations", written list by list."""
    head = {"total": totals.count, "categories": totals.categories, "inexact": totals.inexact}
    yield json.dumps(head, ensure_ascii=False)[:-1]
    tables = (
        ("calls", _call, "callee", sums.CALLS),
        ("variables", _variable, "name", sums.VARIABLES),
        ("attributes", _access, "name", sums.ATTRIBUTES),
        ("branches", _branch, "branch", None),
        ("expressions", _expression, "expression", sums.working(solved.categories)),
    )
    omitted = {}
    for key, entry, by, categories in tables:
        sites, every = solved.sites(by, categories, limit, apart=by == "expression")
        omitted[key] = every - len(sites)
        yield f',\n"{key}": '
        yield from _list(map(entry, sites))
    operands = [each for each in solved.operands() if each.count]
    shown = operands[: limit or None]
    omitted["operands"] = len(operands) - len(shown)
    yield ',\n"operands": '
    yield from _list(map(_operands, shown))
    yield f',\n"omitted": {json.dumps(omitted)}}}'


def edge_object(edge: Edge, timed: bool = True) -> dict[str, Any]:
    """An entry of "edges"; the caller is null for calls from outside every span."""
    found: dict[str, Any] = {
        "caller": edge.caller.name if edge.caller else None,
        "callee": edge.callee.name,
        "calls": edge.calls,
    }
    timed = timed and edge.callee.has("self_ns")
    return found | ({"total_ns": edge.total_ns, "self_ns": edge.self_ns} if timed else {})


def _node(label: Label | None, session: Session, tree: Tree, node: int, parent: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"parent": parent}
    found |= {"name": label.name, "file": label.file, "line": label.line} if label else _ROOT
    found["calls"] = tree.calls[node]
    if session.timed and (not label or label.has("self_ns")):
        found |= {"total_ns": tree.total_ns[node], "self_ns": tree.self_ns[node]}
    if session.memory is not None and (not label or label.has("alloc_bytes")):
        found["total_alloc_bytes"] = tree.inclusive("alloc_bytes")[node]
        found["alloc_bytes"] = own_value(tree, "alloc_bytes", node)
    if session.operations is not None and (not label or label.has("ops")):
        found |= {"ops_total": tree.column("ops")[node], "total_ops": tree.inclusive("ops")[node]}
    if session.sampler is not None:
        found["samples"] = tree.inclusive("samples")[node]
        found["samples_self"] = own_value(tree, "samples", node)
    return found


def call_tree(session: Session, tree: Tree, order: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The key "call_tree": rows, and which row each one's parent is. A tree may be deeper than JSON may be."""
    label = session.capture.label
    row = {0: 0}
    yield _node(None, session, tree, 0, None)
    for node in order:
        row[node] = len(row)
        yield _node(label(tree.label[node]), session, tree, node, row[tree.parent[node]])


def _contexts(tree: Tree, whole: dict[str, int], share: float, depth: int, limit: int) -> list[int]:
    """The contexts with at least that share of any column, or with more, where they would be more than `limit`."""
    for least in (share, *(larger for larger in SHARES if larger > share)):
        minimum = {column: int(value * least) for column, value in whole.items()}
        # The longest list is a lower bound, and cheap.
        longest = max(len(tree.select(column, n, depth or NO_LABEL, lines=False)) for column, n in minimum.items())
        if not limit or longest - 1 <= limit or least == SHARES[-1]:
            order = shown_order(tree, minimum, depth)
            if not limit or len(order) <= limit:
                break
    return order[: limit or None]


def _list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A list with an item a line: it can be read, and searched with grep."""
    yield "["
    for index, item in enumerate(items):
        yield (",\n" if index else "\n") + _encode(item)
    yield "]"


def document(
    session: Session,
    tree: Tree,
    functions: Sequence[Function],
    min_percent: float = MIN_PERCENT,
    depth: int = 0,
    limit: int = LIMIT,
) -> Iterator[str]:
    """The report, in parts. No list has more than `limit` rows (0: all); of lines, by each mode.

    Contexts that are below `min_percent` of the profiled time, of the bytes allocated and of the operations, where
    these were recorded, are counted in "call_tree_omitted".
    """
    timed, memory = session.timed, session.memory
    key = main_column(session)
    field = "samples_self" if key == "samples" else key
    by_self = sorted(functions, key=lambda f: (-(getattr(f, field) or 0), f.label.name, f.label.index))
    edges, edge_count = session.capture.longest_edges(tree, limit or tree.count)
    whole = {"self_ns": session.inside_ns} if timed else {}
    recorded = {"alloc_bytes": memory is not None, "ops": tree.operations is not None}
    recorded["samples"] = session.sampler is not None
    whole |= {column: tree.inclusive(column)[0] for column, has in recorded.items() if has}
    whole = whole or {key: 0}
    order = _contexts(tree, whole, min_percent / 100, depth, limit)
    yield f'{{"schema": {SCHEMA},\n"session": '
    yield json.dumps(session_object(session), ensure_ascii=False)
    yield ',\n"functions": '
    shown = by_self[: limit or None]
    yield from _list(function_object(function, timed) for function in shown)
    yield f',\n"functions_omitted": {len(by_self) - len(shown)}'
    if memory is not None or tree.operations is not None or session.sampler is not None:
        yield ',\n"lines": '
        lines = list(merged(session.capture, tree, Names(tree, functions), apart=True))
        most = _most(lines, limit)
        yield from _list(map(line_object, most))
        yield f',\n"lines_omitted": {len(lines) - len(most)}'
    if session.sampler is not None:
        yield ',\n"samples": '
        sampled = sampler_object(session.sampler, compare(session, tree, functions), limit)
        yield json.dumps(sampled, ensure_ascii=False)
    if memory is not None:
        yield ',\n"memory": '
        yield json.dumps(memory_object(session, memory, limit), ensure_ascii=False)
    if process := process_object(session.capture, limit):
        yield ',\n"process": '
        yield json.dumps(process, ensure_ascii=False)
    if tree.operations is not None and session.operations is not None:
        yield ',\n"operations": '
        yield from operations(tree.operations, session.operations, limit)
    yield ',\n"edges": '
    yield from _list(edge_object(edge, timed) for edge in edges)
    yield f',\n"edges_omitted": {edge_count - len(edges)}'
    omitted = tree.count - 1 - sum(map(bool, tree.line)) - len(order)
    yield f',\n"call_tree_omitted": {omitted},\n"call_tree": '
    yield from _list(call_tree(session, tree, order))
    yield "}\n"
