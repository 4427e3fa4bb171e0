"""Session JSON: one summary of times, memory, operations and calls. `tools/session_schema.json` says it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from prof.capture import NO_LABEL, ROOT, Capture, Function, Tree
from prof.modes import Measure
from prof.tools.exporters.export import Export

_MS = 1_000_000


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """All that the format has, whatever the measures; null for what was not recorded."""
    tree = capture.tree()
    functions = capture.functions(tree)
    head = {
        "session": _session(capture),
        "time_metrics": {"functions": _times(capture, tree, functions)},
        "memory_metrics": _memory(capture, tree, functions),
        "operation_metrics": _operations(capture, tree),
    }
    yield json.dumps(head, indent=1)[:-2].encode() + b',\n "call_graph": '
    yield from _graph(capture, tree)
    yield b"\n}\n"


def _session(capture: Capture) -> dict[str, Any]:
    def moment(ns: int) -> str:
        return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    begin = capture.start_unix_ns
    return {
        "name": str(capture.meta.get("name") or capture.path.name),
        "duration_ms": capture.duration_ns / _MS,
        "start_time": moment(begin),
        "end_time": moment(begin + capture.duration_ns),
    }


def _times(capture: Capture, tree: Tree, functions: Sequence[Function]) -> list[dict[str, Any]]:
    """By their own time, most first: percentages are of all time in functions."""
    if not capture.recorded("self_ns"):
        return []
    whole = tree.total_ns[ROOT] - tree.self_ns[ROOT]
    rows = sorted((f for f in functions if f.calls or f.self_ns), key=lambda f: (-f.self_ns, f.label.name))
    return [
        {
            "name": f.label.name, "duration_ms": f.self_ns / _MS, "total_ms": f.total_ns / _MS, "calls": f.calls,
            "percentage": round(100 * f.self_ns / whole, 3) if whole else 0.0,
        }
        for f in rows
    ]  # fmt: skip


def _memory(capture: Capture, tree: Tree, functions: Sequence[Function]) -> dict[str, Any]:
    memory = capture.memory(tree)
    collections = [f for f in functions if f.label.kind == "gc"]
    return {
        "total_allocations": None if memory is None else memory.alloc_count,
        "total_allocation_bytes": None if memory is None else memory.alloc_bytes,
        "peak_memory_bytes": memory.peak_bytes if memory is not None and memory.detail else None,
        "gc_collections": sum(f.calls for f in collections),
        "gc_reclaimed_bytes": None,
        "gc_reclaimed_objects": sum(f.items for f in collections),
    }


def _operations(capture: Capture, tree: Tree) -> dict[str, int]:
    """By category; an operation may be of two."""
    found = dict.fromkeys(capture.categories, 0)
    solved = tree.operations
    if solved is not None:
        for index in range(capture.label_count):
            for category, number in solved.of_label(index).items():
                found[category] += number
    return found


def _graph(capture: Capture, tree: Tree) -> Iterator[bytes]:
    """The whole call tree, written as it is walked: it may be deeper than Python's stack."""
    total = tree.total_ns
    open_until: list[tuple[int, bool]] = []  # where each that is open ends, and whether it has a child already
    for node in range(tree.count):
        if tree.line[node]:
            continue
        while open_until and node >= open_until[-1][0]:
            yield b"]}"
            open_until.pop()
        if open_until and open_until[-1][1]:
            yield b", "
        if open_until:
            open_until[-1] = (open_until[-1][0], True)
        name = capture.label(tree.label[node]).name if tree.label[node] != NO_LABEL else "(all)"
        calls = f', "calls": {tree.calls[node]}' if node != ROOT else ""
        yield f'{{"name": {json.dumps(name)}, "duration_ms": {total[node] / _MS}{calls}, "children": ['.encode()
        open_until.append((tree.end[node], False))
    yield b"]}" * len(open_until)


EXPORT = Export("session-json", ".session.json", "scripts: one summary of time, memory, operations and calls", render)
