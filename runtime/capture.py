"""Captures, read: a thin face over the C reader (`csrc/read.h`), which does all the passes over the nodes.

`open_capture` checks a file and returns a `Capture`; its `tree()` is the calling-context tree as columns, and
`functions(tree)` and `edges(tree)` are sums over it. Times are integers in nanoseconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from attrs import frozen
from prof._core import ffi, lib
from prof.errors import InputError

ROOT = 0
NO_LABEL = 0xFFFFFFFF
ALL_THREADS = -1
RECORDING = 1

# enum prof_label_kind, prof_clock_kind and prof_drop of csrc/format.h, in their order.
KINDS = ("other", "function", "section", "import", "gc", "native", "thread", "profiler")
CLOCKS = ("unknown", "tsc", "monotonic", "cpu", "manual")
DROPS = (
    ("healed", "spans closed because a frame below them left first"),
    ("unmatched_leave", "functions that left but were never seen to enter"),
    ("section_open", "sections closed because their function left without end()"),
    ("section_unopened", "end() of a section that was not open"),
    ("section_order", "sections closed by the end() of one around them"),
    ("folded_depth", "calls beyond the depth limit, charged to a caller of the same name"),
    ("folded_size", "calls beyond the size limit or the disk, charged to a caller"),
    ("lost_labels", "functions or sections that could not be named for want of space"),
    ("open_at_end", "spans still open at the end; their time up to then is in"),
)
GENERATOR_FLAG = 1


@frozen
class Label:
    """What a span is of. `kind` is one of `KINDS`; `line` counts from 1, 0 is unknown; `file` may be empty."""

    index: int
    kind: str
    name: str
    module: str
    file: str
    line: int
    generator: bool


@frozen
class Function:
    """A label's sums over a tree, in ns; `total_ns` counts recursion once.

    The latencies are of the capture's `completed` calls, on all threads; percentiles are interpolated inside the
    bins of a histogram with four bins an octave. They are 0 while no call was completed.
    """

    label: Label
    calls: int
    resumes: int
    self_ns: int
    total_ns: int
    suspended_ns: int
    items: int
    contexts: int
    completed: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int


@frozen
class Edge:
    """Calls from one label to another; `caller` is None for calls from outside every span. Times in ns."""

    caller: Label | None
    callee: Label
    calls: int
    resumes: int
    total_ns: int
    self_ns: int


@frozen
class Thread:
    """A thread of the recorded process. `alive_ns` is 0 when the capture cannot tell."""

    native_id: int
    name: str
    start_ns: int
    alive_ns: int
    running: bool


@frozen
class Drop:
    """Something that was not recorded as it happened, and how often."""

    key: str
    count: int
    words: str


@frozen
class Chunk:
    """A chunk of the file; sizes in bytes."""

    offset: int
    type: int
    size: int
    used: int
    records: int
    record_size: int
    thread: int


class Tree:
    """The calling-context tree in depth-first order: the subtree of node i is the range i to end[i].

    Columns are read-only memory views over the C arrays, one entry a node; node 0 is the root. `label` holds indexes
    for `Capture.label`, `NO_LABEL` at the root; times are in ns.
    """

    def __init__(self, pointer: Any) -> None:
        self._pointer = ffi.gc(pointer, lib.prof_reader_tree_free)
        self.count: int = pointer.count
        self.deepest: int = pointer.deepest
        self.profiler_ns: int = pointer.profiler_ns
        self.label = self._column("label", "I")
        self.parent = self._column("parent", "I")
        self.end = self._column("end", "I")
        self.depth = self._column("depth", "I")
        self.calls = self._column("calls", "Q")
        self.resumes = self._column("resumes", "Q")
        self.self_ns = self._column("self_ns", "Q")
        self.total_ns = self._column("total_ns", "Q")
        self.suspended_ns = self._column("suspended_ns", "Q")
        self.items = self._column("items", "Q")

    def _column(self, name: str, code: Literal["I", "Q"]) -> memoryview:
        width = 4 if code == "I" else 8
        owner = self._pointer
        # The view keeps this pointer alive, its destructor the tree: a column may outlive the object it came from.
        column = ffi.gc(getattr(owner, name), lambda _: owner and None)
        return memoryview(ffi.buffer(column, self.count * width)).cast(code).toreadonly()

    def children(self, node: int) -> Iterator[int]:
        """The node's children, in the order they were first called."""
        child, stop = node + 1, self.end[node]
        while child < stop:
            yield child
            child = self.end[child]

    def inclusive(self, column: str) -> memoryview:
        """The sums of a column over each node's subtree."""
        total = ffi.new("uint64_t[]", self.count)
        lib.prof_reader_inclusive(self._pointer, getattr(self._pointer, column), total)
        return memoryview(ffi.buffer(total)).cast("Q").toreadonly()

    def select(self, column: str, minimum: int, deepest: int = NO_LABEL) -> memoryview:
        """The nodes with `column` at least `minimum` and depth at most `deepest`, whose parents are in too; and 0."""
        shown = ffi.new("uint32_t[]", self.count)
        minimum = max(0, min(minimum, 2**64 - 1))
        count = lib.prof_reader_select(self._pointer, getattr(self._pointer, column), minimum, deepest, shown)
        return memoryview(ffi.buffer(shown, count * 4)).cast("I").toreadonly()


class Capture:
    """An open capture. Close it, or use it as a context manager; trees stay usable after that, labels do not."""

    def __init__(self, path: Path) -> None:
        error = ffi.new("char[]", 400)
        reader = lib.prof_reader_open(os.fsencode(path), error, 400)
        if reader == ffi.NULL:
            raise InputError(f"{path} {_text(error)}")
        self.path = path
        self._reader = ffi.gc(reader, lib.prof_reader_close)
        info = self._info
        self._labels: dict[int, Label] = {}
        self.version: int = info.version
        self.pid: int = info.pid
        self.recording: bool = info.state == RECORDING
        self.cut: bool = bool(info.cut)
        self.clock: str = CLOCKS[info.clock] if info.clock < len(CLOCKS) else CLOCKS[0]
        self.calibrated: bool = bool(info.calibrated)
        self.ns_per_tick: float = info.ns_per_tick
        self.start_unix_ns: int = info.start_unix_ns
        self.duration_ns: int = info.duration_ns
        self.interval_ns: int = info.interval_ns
        self.probe_cost_ps: int = info.probe_cost_ps
        self.node_count: int = info.node_count
        self.label_count: int = info.label_count
        self.size: int = info.end
        self.meta: dict[str, Any] = self._read_meta()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file. Labels and tables can no longer be read: trying to raises ValueError."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            ffi.release(reader)

    @property
    def _info(self) -> Any:
        if self._reader is None:
            raise ValueError(f"{self.path} is closed")
        return lib.prof_reader_get(self._reader)

    def _read_meta(self) -> dict[str, Any]:
        try:
            meta = json.loads(_string(self._info.meta) or "{}")
        except (ValueError, RecursionError):
            return {}
        return meta if isinstance(meta, dict) else {}

    @property
    def drops(self) -> list[Drop]:
        """What was dropped, healed or folded, without the zeros."""
        found = []
        for index, count in enumerate(self._info.drops):
            key, words = DROPS[index] if index < len(DROPS) else (f"drop_{index}", f"events of kind {index}")
            if count:
                found.append(Drop(key, count, words))
        return found

    @property
    def threads(self) -> list[Thread]:
        """The recorded threads, in the order they began."""
        rows = ffi.unpack(self._info.threads, self._info.thread_count)
        return [Thread(t.native_id, _string(t.name), t.start_ns, t.alive_ns, bool(t.running)) for t in rows]

    @property
    def chunks(self) -> list[Chunk]:
        """The file's chunks, in file order."""
        rows = ffi.unpack(self._info.chunks, self._info.chunk_count)
        return [Chunk(c.offset, c.type, c.size, c.used, c.records, c.record_size, c.thread) for c in rows]

    def label(self, index: int) -> Label:
        """The label of that index, read on first use."""
        found = self._labels.get(index)
        if found is None:
            row = self._info.labels[index]
            kind = KINDS[row.kind] if row.kind < len(KINDS) else KINDS[0]
            found = Label(
                index,
                kind,
                _string(row.name) or "(unnamed)",
                _string(row.module),
                _string(row.file),
                row.line,
                bool(row.flags & GENERATOR_FLAG),
            )
            self._labels[index] = found
        return found

    def tree(self, thread: int = ALL_THREADS) -> Tree:
        """The calling-context tree of one of `threads`, by its index there, or of all of them merged."""
        error = ffi.new("char[]", 400)
        assert self._info  # open
        pointer = lib.prof_reader_tree_new(self._reader, thread, error, 400)
        if pointer == ffi.NULL:
            raise InputError(f"{self.path} {_text(error)}")
        return Tree(pointer)

    def functions(self, tree: Tree) -> list[Function]:
        """Sums by label over the tree, of every label that occurs in it."""
        sums = ffi.new("prof_reader_sum[]", max(1, self.label_count))
        if lib.prof_reader_sum_labels(tree._pointer, sums) != 0:
            raise MemoryError
        rows = self._info.labels
        return [
            self._function(index, sums[index], rows[index]) for index in range(self.label_count) if sums[index].contexts
        ]

    def _function(self, index: int, s: Any, row: Any) -> Function:
        return Function(
            label=self.label(index),
            calls=s.calls,
            resumes=s.resumes,
            self_ns=s.self_ns,
            total_ns=s.total_ns,
            suspended_ns=s.suspended_ns,
            items=s.items,
            contexts=s.contexts,
            completed=row.completed,
            min_ns=row.min_ns,
            max_ns=row.max_ns,
            p50_ns=row.p50_ns,
            p90_ns=row.p90_ns,
            p99_ns=row.p99_ns,
        )

    def edges(self, tree: Tree, of: int | None = None) -> list[Edge]:
        """Caller and callee pairs of the tree, longest total first: all, or those with the label of index `of`."""
        with self._edge_rows(tree) as rows:
            return [self._edge(e) for e in rows if of is None or of in (e.caller, e.callee)]

    def longest_edges(self, tree: Tree, limit: int) -> tuple[list[Edge], int]:
        """The first `limit` of `edges`, and how many there are."""
        with self._edge_rows(tree) as rows:
            return [self._edge(e) for e in rows[:limit]], len(rows)

    @contextmanager
    def _edge_rows(self, tree: Tree) -> Iterator[list[Any]]:
        count = ffi.new("uint64_t *")
        rows = lib.prof_reader_edges_new(tree._pointer, count)
        if rows == ffi.NULL:
            raise MemoryError
        try:
            yield ffi.unpack(rows, count[0])
        finally:
            lib.prof_reader_edges_free(rows)

    def _edge(self, row: Any) -> Edge:
        caller = None if row.caller == NO_LABEL else self.label(row.caller)
        return Edge(caller, self.label(row.callee), row.calls, row.resumes, row.total_ns, row.self_ns)

    def write_folded(self, tree: Tree, column: str, descriptor: int) -> int:
        """Writes a column as folded stacks to a file descriptor and returns the number of lines. Raises OSError."""
        assert self._info  # open
        lines: int = lib.prof_reader_fold(self._reader, tree._pointer, getattr(tree._pointer, column), descriptor)
        if lines < 0:
            raise OSError(-lines, os.strerror(-lines))
        return lines


def _text(chars: Any) -> str:
    raw: bytes = ffi.string(chars)
    return raw.decode("utf-8", "replace")


def _string(text: Any) -> str:
    return bytes(ffi.buffer(text.text, text.length)).decode("utf-8", "replace") if text.length else ""


def open_capture(path: str | os.PathLike[str]) -> Capture:
    """Opens a capture: finished, being written, or left by a process that was killed.

    Raises InputError, naming the path, when it is missing, empty, truncated, corrupt or of another version.
    """
    return Capture(Path(path))


def newest_capture(directory: str | os.PathLike[str] = ".") -> Path:
    """The capture in a directory that was modified last. Raises InputError when there is none."""
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            found.extend((e.stat().st_mtime_ns, e.path) for e in entries if e.name.endswith(".capture"))
    except OSError as error:
        raise InputError(f"{directory} cannot be listed: {error.strerror}") from error
    if not found:
        where = "the current directory" if str(directory) == "." else str(directory)
        raise InputError(f"no *.capture in {where}: record one with `PROF=time python app.py`, or name one")
    return Path(max(found)[1])
