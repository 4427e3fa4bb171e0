"""What a capture says of the run as a whole: the facts above every report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from prof.capture import Capture, Drop, Function, Thread, Tree
from prof.modes import MODES
from prof.text import printable
from prof.tools.analysis.fate import fate
from prof.tools.analysis.view import View
from prof.tools.analysis.whose import Whose
from prof.unrecorded import sentences

# Spans that a probe pays for; imports and collections are announced by the interpreter.
PROBED = ("function", "section", "native")


@frozen
class Summary:
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
    attached: bool
    """Whether it began in a process that was running."""
    short_count: int
    """Functions and sections that are charged to their callers: see `Capture.least_ns`."""
    unrecorded: list[str]
    """What was marked without effect, in words."""
    views: tuple[View, ...]
    """The modes that are known here and were on."""
    fate: str
    """What became of the process: see `prof.tools.analysis.fate`."""

    @property
    def at_least(self) -> bool:
        """Whether `wall_ns` is a lower bound."""
        return self.wall_ns > self.capture.duration_ns


def summarise(
    capture: Capture,
    tree: Tree,
    functions: Sequence[Function],
    modes: Iterable[type[View]],
    whose: Whose | None = None,
) -> Summary:
    """The summary of a capture, from its tree of all threads and the sums over it; `modes` are those that are known."""
    meta = capture.meta
    probed = sum(f.calls + f.resumes for f in functions if f.label.kind in PROBED)
    threads = capture.threads
    alive = [t.alive_ns for t in threads]
    inside = tree.total_ns[0] - tree.self_ns[0]
    jit = "JIT on" if meta.get("jit") is True else ""
    return Summary(
        capture=capture,
        name=_text(meta, "name") or printable(capture.path.name.removesuffix(".capture")),
        command=capture.command,
        python=" ".join(filter(None, (_text(meta, "implementation"), _text(meta, "python"), jit))),
        platform=_text(meta, "platform"),
        host=_text(meta, "host"),
        engine=_text(meta, "engine"),
        modes=tuple(capture.mode_names if isinstance(meta.get("modes"), list) else (next(iter(MODES)),)),
        threads=threads,
        drops=capture.drops,
        wall_ns=max(capture.duration_ns, inside // max(1, len(threads)) if capture.recording else 0),
        inside_ns=inside,
        alive_ns=sum(alive) if all(alive) else 0,
        outside_ns=tree.self_ns[0],
        probed_calls=probed,
        overhead_ns=round(probed * capture.probe_cost_ps / 1000),
        profiler_ns=tree.profiler_ns,
        attached=meta.get("attached") is True,
        short_count=tree.short_count,
        unrecorded=sentences(meta.get("unrecorded")),
        views=tuple(mode(capture, tree, functions, whose or Whose()) for mode in modes if mode.recorded(capture)),
        fate=fate(capture),
    )


def _text(meta: dict[str, Any], key: str) -> str:
    value = meta.get(key)
    return "" if value is None else str(value)
