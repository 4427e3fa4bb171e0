"""What a capture says of the run as a whole: the facts above every report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import frozen
from prof.capture import ROOT, Capture, Drop, Function, MemoryTotals, Sampler, Thread, Tree
from prof.text import printable
from prof.tools.process import fate
from prof.unrecorded import sentences

# Spans that a probe pays for; imports and collections are announced by the interpreter.
PROBED = ("function", "section", "native")


@frozen
class OperationTotals:
    """The ops mode's totals: all operations, by category, most first; and whose counts contradict themselves."""

    count: int
    categories: dict[str, int]
    inexact: list[str]


@frozen
class Session:
    """A run, summed up; times in ns.

    `inside_ns` is the time in spans over all threads, `alive_ns` the threads' lifetimes, 0 when unknown.
    `wall_ns` is a lower bound for a process that was killed: it had no chance to say when it ended.
    `overhead_ns` estimates what the probes added: their cost, measured at start, times the calls and resumes.
    """

    capture: Capture
    name: str
    command: str
    python: str
    platform: str
    host: str
    engine: str
    modes: tuple[str, ...]
    threads: list[Thread]
    drops: list[Drop]
    wall_ns: int
    inside_ns: int
    alive_ns: int
    outside_ns: int
    probed_calls: int
    overhead_ns: int
    profiler_ns: int
    unrecorded: list[str]
    """What was marked without effect, in words."""
    timed: bool
    """Whether the time mode was on."""
    memory: MemoryTotals | None
    operations: OperationTotals | None
    sampler: Sampler | None
    fate: str
    """What became of the process: see `prof.tools.process`."""


def summarise(capture: Capture, tree: Tree, functions: list[Function]) -> Session:
    """The session of a capture, from its tree of all threads and the sums over it."""
    meta = capture.meta
    probed = sum(f.calls + f.resumes for f in functions if f.label.kind in PROBED)
    threads = capture.threads
    alive = [t.alive_ns for t in threads]
    inside = tree.total_ns[0] - tree.self_ns[0]
    return Session(
        capture=capture,
        name=_text(meta, "name") or printable(capture.path.name.removesuffix(".capture")),
        command=" ".join(map(str, meta["argv"])) if isinstance(meta.get("argv"), list) else "",
        python=" ".join(filter(None, (_text(meta, "implementation"), _text(meta, "python")))),
        platform=_text(meta, "platform"),
        host=_text(meta, "host"),
        engine=_text(meta, "engine"),
        modes=tuple(map(str, meta["modes"])) if isinstance(meta.get("modes"), list) else ("time",),
        threads=threads,
        drops=capture.drops,
        wall_ns=max(capture.duration_ns, inside // max(1, len(threads)) if capture.recording else 0),
        inside_ns=inside,
        alive_ns=sum(alive) if all(alive) else 0,
        outside_ns=tree.self_ns[0],
        probed_calls=probed,
        overhead_ns=round(probed * capture.probe_cost_ps / 1000),
        profiler_ns=tree.profiler_ns,
        unrecorded=sentences(meta.get("unrecorded")),
        timed=capture.recorded("self_ns"),
        memory=capture.memory(tree),
        operations=_operations(tree, functions) if capture.recorded("ops") else None,
        sampler=capture.sampler(tree),
        fate=fate(capture),
    )


def _operations(tree: Tree, functions: list[Function]) -> OperationTotals:
    categories: Counter[str] = Counter()
    for function in functions:
        categories.update(function.operations or {})
    inexact = sorted({f.label.name for f in functions if not f.exact})
    return OperationTotals(tree.inclusive("ops")[ROOT], dict(categories.most_common()), inexact)


def _text(meta: dict[str, Any], key: str) -> str:
    value = meta.get(key)
    return "" if value is None else str(value)
