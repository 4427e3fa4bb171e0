"""What a capture has of waiting: latencies of generators, waits of coroutines, what tasks ran, the slowest calls.

The capture has a record for each combination, with a histogram; `by` adds them up by whatever the reader asks. Times
are integers in ns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen
from prof._core import ffi, lib
from prof.capture import NO_LABEL, Capture, Label
from prof.filters import task_chosen
from prof.text import decoded

if TYPE_CHECKING:
    from prof.tree import Tree

K = TypeVar("K", bound=Hashable)

LATENCIES: int = lib.PROF_READER_LATENCIES
WAITS: int = lib.PROF_READER_WAITS
ACTIVITIES: int = lib.PROF_READER_ACTIVITIES


@frozen
class Durations:
    """How long something took, `count` times. Percentiles are interpolated inside the bins of a histogram with four
    bins an octave."""

    count: int
    total_ns: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int


@frozen
class Record:
    """What a record of durations is of."""

    label: Label | None
    """Of a latency, the span's; of a wait, the line's, whose `module` is the function; else None."""
    what: Label | None
    """Of a wait: the innermost coroutine that was awaited, or a kind of future, which has no file; else None."""
    task: str
    """The asyncio task's name, `function()` where nobody has named it; empty outside of tasks, and of latencies."""
    context: str
    """What `prof.context` says; empty where nothing does."""
    steps: bool
    """Of an activity: runs of a task; else whole contexts."""
    more: int
    """Of a wait: those that had not ended when the recording did. Of steps: tasks that ended."""


@frozen
class Slow:
    """One of the longest calls of a span."""

    label: Label
    stack: tuple[Label, ...]
    """What it was called from, outermost first, without itself."""
    thread: str
    task: str
    arguments: str
    """`a=1, b='x'`, as the function's end had them; empty where that was not asked for."""
    start_ns: int
    """Since the start of recording."""
    duration_ns: int
    """Of generators and coroutines from the call to the end, suspensions included."""


def records(capture: Capture, kind: int) -> list[Record]:
    """The records of one kind, in the order of the file."""
    info = capture._info
    found = []
    for row in ffi.unpack(info.timed[kind], info.timed_count[kind]) if info.timed_count[kind] else ():
        found.append(
            Record(
                capture.label(row.label) if kind != ACTIVITIES else None,
                capture.label(row.what) if kind == WAITS else None,
                decoded(row.task),
                decoded(row.context),
                kind == ACTIVITIES and row.what == lib.PROF_ACTIVITY_STEPS,
                row.more,
            )
        )
    return found


def by(capture: Capture, kind: int, rows: Sequence[Record], key: Callable[[Record], K | None]) -> dict[K, Durations]:
    """The durations of `records` by key, in the order in which keys appear; those with the key None are left out."""
    numbers: dict[K, int] = {}
    group = ffi.new("uint32_t[]", max(1, len(rows)))
    wanted = task_chosen(capture)
    for i, row in enumerate(rows):
        each = key(row) if kind == LATENCIES or wanted(row.task) else None
        group[i] = lib.PROF_READER_NO_GROUP if each is None else numbers.setdefault(each, len(numbers))
    sums: Any = ffi.new("prof_reader_durations[]", max(1, len(numbers)))
    if lib.prof_reader_durations_by(capture._reader, kind, group, len(numbers), sums):
        raise MemoryError
    return {
        each: Durations(s.count, s.total_ns, s.min_ns, s.max_ns, s.p50_ns, s.p90_ns, s.p99_ns)
        for each, s in zip(numbers, sums, strict=False)
    }


def slowest(capture: Capture, tree: Tree) -> list[Slow]:
    """The longest calls of each span that the capture has, the longest first; of spans that are in the tree."""
    info = lib.prof_reader_get(tree._reader)
    pointer = tree._pointer
    wanted = task_chosen(capture)
    found = []
    for row in ffi.unpack(info.slow, info.slow_count) if info.slow_count else ():
        place = pointer.place[row.node]
        if place == lib.PROF_READER_NO_PLACE or not wanted(decoded(row.task)):
            continue
        stack, at = [], pointer.parent[place]
        while at and pointer.label[at] != NO_LABEL:
            stack.append(capture.label(pointer.label[at]))
            at = pointer.parent[at]
        found.append(
            Slow(
                capture.label(row.label), tuple(reversed(stack)), decoded(row.thread), decoded(row.task),
                decoded(row.arguments), row.start_ns, row.duration_ns,
            )
        )  # fmt: skip
    return sorted(found, key=lambda slow: (-slow.duration_ns, slow.start_ns))
