"""The JSON report, `tools/schema.json`: the contract for every other tool. Modes that were off leave their keys out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prof.capture import Edge, Function, Label, Tree
from prof.tools.session import Session
from prof.tools.text_report import shown_order

SCHEMA = 1
MIN_PERCENT = 0.01
MOST_EDGES = 20_000
_ROOT = {"name": "all", "file": "", "line": 0}


def session_object(session: Session) -> dict[str, Any]:
    """The key "session"."""
    capture = session.capture
    begin = capture.start_unix_ns
    return {
        "name": session.name,
        "start": begin / 1e9,
        "end": (begin + capture.duration_ns) / 1e9,
        "duration_ns": capture.duration_ns,
        "state": "recording" if capture.recording else "closed",
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


def function_object(function: Function) -> dict[str, Any]:
    """An entry of "functions". `exact` is whether every count of it is; sampled modes would say false."""
    label = function.label
    found: dict[str, Any] = {
        "name": label.name,
        "kind": label.kind,
        "module": label.module,
        "file": label.file,
        "line": label.line,
        "calls": function.calls,
        "resumes": function.resumes,
        "total_ns": function.total_ns,
        "self_ns": function.self_ns,
        "suspended_ns": function.suspended_ns,
        "min_ns": function.min_ns,
        "max_ns": function.max_ns,
        "p50_ns": function.p50_ns,
        "p90_ns": function.p90_ns,
        "p99_ns": function.p99_ns,
        "exact": True,
    }
    if label.kind == "gc":
        found["reclaimed"] = function.items
    return found


def edge_object(edge: Edge) -> dict[str, Any]:
    """An entry of "edges"; the caller is null for calls from outside every span."""
    return {
        "caller": edge.caller.name if edge.caller else None,
        "callee": edge.callee.name,
        "calls": edge.calls,
        "total_ns": edge.total_ns,
        "self_ns": edge.self_ns,
    }


def _node(label: Label | None, tree: Tree, node: int) -> str:
    found: dict[str, Any] = {"name": label.name, "file": label.file, "line": label.line} if label else dict(_ROOT)
    found |= {"calls": tree.calls[node], "total_ns": tree.total_ns[node], "self_ns": tree.self_ns[node]}
    return json.dumps(found, ensure_ascii=False)[:-1]


def call_tree(session: Session, tree: Tree, order: Sequence[int]) -> Iterator[str]:
    """The key "call_tree", written node by node: a tree may be deeper than Python recurses."""
    label = session.capture.label
    yield _node(None, tree, 0) + ', "children": ['
    depth, first = 0, True
    for node in order:
        level = tree.depth[node]
        if level <= depth:
            yield "]}" * (depth - level + 1)
            first = False
        yield ("" if first else ",") + "\n" + _node(label(tree.label[node]), tree, node) + ', "children": ['
        depth, first = level, True
    yield "]}" * (depth + 1)


def _list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A list with an item a line: it can be read, and searched with grep."""
    yield "["
    for index, item in enumerate(items):
        yield (",\n" if index else "\n") + json.dumps(item, ensure_ascii=False)
    yield "]"


def document(
    session: Session, tree: Tree, functions: Sequence[Function], min_percent: float = MIN_PERCENT, depth: int = 0
) -> Iterator[str]:
    """The report, in parts. Contexts below `min_percent` of the profiled time are counted in "call_tree_omitted"."""
    by_self = sorted(functions, key=lambda f: (-f.self_ns, f.label.name, f.label.index))
    edges, edge_count = session.capture.longest_edges(tree, MOST_EDGES)
    order = shown_order(tree, int(session.inside_ns * min_percent / 100), depth)
    yield f'{{"schema": {SCHEMA},\n"session": '
    yield json.dumps(session_object(session), ensure_ascii=False)
    yield ',\n"functions": '
    yield from _list(map(function_object, by_self))
    yield ',\n"edges": '
    yield from _list(map(edge_object, edges))
    yield f',\n"edges_omitted": {edge_count - len(edges)}'
    yield f',\n"call_tree_omitted": {tree.count - 1 - len(order)},\n"call_tree": '
    yield from call_tree(session, tree, order)
    yield "}\n"
