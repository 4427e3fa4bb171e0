"""The JSON report, `tools/schema.json`: the contract for every other tool. Modes that were off leave their keys out.

It is flat, lists of rows, and bounded: no list has more rows than asked for, and what is left out is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import asdict
from prof.capture import NO_LABEL, Capture, Edge, Function, Label, Tree
from prof.tools.call_tree import main_column, shown_order
from prof.tools.html_data import SHARES
from prof.tools.json_text import rows, thinned
from prof.tools.lines import SourceLine
from prof.tools.modes.view import View
from prof.tools.process import taken
from prof.tools.session import Session
from prof.tools.source_lines import Names, merged

SCHEMA = 2
MIN_PERCENT = 0.01
LIMIT = 1000
PROCESS = 30  # where the key "process" stands among those of modes
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
    }
    for view in session.views:
        found |= view.session_values(session)
    found["threads"] = [
        {"native_id": t.native_id, "name": t.name, "start_ns": t.start_ns, "alive_ns": t.alive_ns}
        for t in session.threads
    ]
    found["dropped"] = {drop.key: drop.count for drop in session.drops}
    if capture.full:
        found["full"] = capture.full
    if capture.interleaved:
        found["interleaved"] = True
    if session.unrecorded:
        found["unrecorded"] = session.unrecorded
    return found


def function_object(function: Function, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "functions". `exact`: all but its samples is; false for a frame, met by samples alone."""
    label = function.label
    found: dict[str, Any] = {key: getattr(label, key) for key in ("name", "kind", "module", "file", "line")}
    found |= {"calls": function.calls, "resumes": function.resumes}
    for view in views:
        found |= view.function_values(function)
    found["exact"] = function.exact and label.kind != "frame"
    if label.kind == "gc":
        found["reclaimed"] = function.items
    return found


def line_object(line: SourceLine, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "lines"."""
    found: dict[str, Any] = {"file": line.file, "line": line.line, "function": line.function}
    for view in sorted(views, key=lambda view: view.line_order):
        found |= view.line_values(line)
    return found


def process_object(capture: Capture, limit: int) -> dict[str, Any]:
    """The key "process": its memory, where that was recorded, and what it took beside, where samples were."""
    found: dict[str, Any] = {}
    if series := capture.series:
        found["rss_bytes"] = series[-1].rss_bytes
        found["peak_rss_bytes"] = max(moment.rss_bytes for moment in series)
        found["series"] = [asdict(moment) for moment in thinned(series, limit)]
    if usage := capture.process:
        found["usage"] = [asdict(moment) for moment in thinned(usage, limit)]
    return found | taken(capture)


def _most(lines: list[SourceLine], views: Sequence[View], limit: int) -> list[SourceLine]:
    """The lines with most of something: at most `limit` by each mode (0: all), in their order."""
    if not limit or len(lines) <= limit:
        return lines
    kept: set[int] = set()
    for view in views:
        amounts = [view.line_amount(line, view.line_column) for line in lines] if view.line_column else []
        kept.update(sorted((n for n, amount in enumerate(amounts) if amount), key=lambda n: -amounts[n])[:limit])
    return [lines[n] for n in sorted(kept)]


def edge_object(edge: Edge, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "edges"; the caller is null for calls from outside every span."""
    found: dict[str, Any] = {
        "caller": edge.caller.name if edge.caller else None,
        "callee": edge.callee.name,
        "calls": edge.calls,
    }
    for view in views:
        found |= view.edge_values(edge)
    return found


def _node(label: Label | None, session: Session, tree: Tree, node: int, parent: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"parent": parent}
    found |= {"name": label.name, "file": label.file, "line": label.line} if label else _ROOT
    found["calls"] = tree.calls[node]
    for view in session.views:
        found |= view.node_values(label, node)
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
    views = session.views
    key = main_column(session)
    field = next((view.json_sort for view in views), None) or key
    by_self = sorted(functions, key=lambda f: (-(getattr(f, field) or 0), f.label.name, f.label.index))
    edges, edge_count = session.capture.longest_edges(tree, limit or tree.count)
    mains = [(view, column) for view in views for column in list(view.tree_columns)[:1]]
    whole = {column: view.tree_whole(column, session) for view, column in mains} or {key: 0}
    order = _contexts(tree, whole, min_percent / 100, depth, limit)
    yield f'{{"schema": {SCHEMA},\n"session": '
    yield json.dumps(session_object(session), ensure_ascii=False)
    yield ',\n"functions": '
    shown = by_self[: limit or None]
    yield from rows(function_object(function, views) for function in shown)
    yield f',\n"functions_omitted": {len(by_self) - len(shown)}'
    if any(view.line_column for view in views):
        yield ',\n"lines": '
        lines = list(merged(session.capture, tree, Names(tree, functions), apart=True))
        most = _most(lines, views, limit)
        yield from rows(line_object(line, views) for line in most)
        yield f',\n"lines_omitted": {len(lines) - len(most)}'
    sections = [section for view in views for section in view.sections(session, limit)]
    if process := process_object(session.capture, limit):
        sections.append((PROCESS, "process", [json.dumps(process, ensure_ascii=False)]))
    for _, name, parts in sorted(sections, key=lambda section: section[0]):
        yield f',\n"{name}": '
        yield from parts
    yield ',\n"edges": '
    yield from rows(edge_object(edge, views) for edge in edges)
    yield f',\n"edges_omitted": {edge_count - len(edges)}'
    omitted = tree.count - 1 - sum(map(bool, tree.line)) - len(order)
    yield f',\n"call_tree_omitted": {omitted},\n"call_tree": '
    yield from rows(call_tree(session, tree, order))
    yield "}\n"
