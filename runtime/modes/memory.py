"""The memory mode: what each line allocates, and in detail what it still holds.

It counts allocator calls, not objects: what CPython serves from a free list, interpreter frames and memory that a
library maps for itself are not seen.
"""

from __future__ import annotations

import errno
import os
import sys

from prof._core import lib
from prof.errors import UsageError
from prof.modes.mode import Measure, Mode
from prof.own_imports import own_work

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tracemalloc
    from typing import Any

    from prof.engine import Engine
    from prof.settings import Settings

# Files below this folder are the profiler's own.
_OWN = os.path.dirname(os.path.dirname(__file__)) + os.sep

# The C callables, once a session has made them.
_probes: Any = None


def prepare(settings: Settings, engine: Engine, probes: Any) -> None:
    """UsageError on an interpreter that is not known: the hooks look at the frames that run."""
    global _probes
    from prof.engine import moved_frames

    _probes = probes
    if moved := moved_frames():
        raise UsageError(f"mode 'memory' cannot begin: {moved}")
    if not lib.prof_py_validated():
        version = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
        raise UsageError(f"mode 'memory' is not validated on {version}")


def start(settings: Settings) -> None:
    """Installs the allocator hooks. UsageError where they cannot be."""
    error = lib.prof_py_memory_start(settings.detail, os.fsencode(_OWN))
    if error == errno.EPERM:
        raise UsageError("mode 'memory' cannot begin in a subinterpreter: the main interpreter's memory is recorded")
    if error == errno.EBUSY:
        raise UsageError("memory detail cannot begin: another tool has wrapped the hooks of an earlier summary")
    if error:
        raise UsageError(f"mode 'memory' cannot begin: {errno.errorcode.get(error, error)}")


def stop() -> None:
    """Takes the hooks out again; what was counted is in the capture."""
    try:
        with own_work():
            _write_types()
    finally:
        lib.prof_py_memory_stop()


def _all_types() -> list[type]:
    """Every class that there is."""
    found: dict[int, type] = {}
    waiting: list[type] = [object]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found[id(each)] = each
            waiting.extend(type.__subclasses__(each))
    return list(found.values())


def _type_name(each: type) -> str:
    module = type.__dict__["__module__"].__get__(each)
    return each.__qualname__ if module == "builtins" else f"{module}.{each.__qualname__}"


def _write_types() -> None:
    """The live blocks by type, largest first; what is no object, or of no known type, under a name that says so."""
    rows = _probes.live_types(_all_types())
    for each, count, size in sorted(rows or (), key=lambda row: -row[2]):
        name = "(no Python object)" if each is None else _type_name(each)
        if count and lib.prof_py_memory_type(name.encode(errors="backslashreplace"), count, size):
            break


def take_snapshot() -> tracemalloc.Snapshot:
    """The live blocks as a `tracemalloc.Snapshot`, with the line of each: its `statistics` and `compare_to` work.

    Sizes are in bytes. Raises UsageError unless memory detail is being recorded (`PROF=memory,,,true`).
    """
    import tracemalloc

    traces = _probes.live_traces() if _probes is not None else None
    if traces is None:
        raise UsageError("take_snapshot() needs memory detail: PROF=memory,,,true")
    return tracemalloc.Snapshot(traces, 1)


_ALLOCATIONS = ("alloc_count", "allocation", "allocations")

MODE = Mode(
    "memory",
    lib.PROF_MODE_MEMORY,
    (
        Measure("memory-summary", "B", "alloc_bytes", "bytes allocated", beside=_ALLOCATIONS),
        Measure("memory-detail", "B", "peak_bytes", "bytes held at the peak", "detail", _ALLOCATIONS),
        Measure("memory-count", "", "alloc_count", "allocations", "request"),
        Measure("memory-live", "B", "live_bytes", "bytes still held at the end", "request", _ALLOCATIONS),
    ),
    aliases=("both",),
    markers=(("mem_summary", lib.PROF_LABEL_NO_DETAIL), ("mem_detail", 0)),
    without=lib.PROF_LABEL_NO_MEMORY,
    has_detail=True,
    prepare=prepare,
    start=start,
    stop=stop,
)
