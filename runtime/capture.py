"""Captures, read: a thin face over the C reader (`csrc/read/read.h`), which does all the passes over the nodes.

`open_capture` checks a file and returns a `Capture`; its `tree()` is the calling-context tree as columns, and
`functions(tree)` and `edges(tree)` are sums over it. Times are integers in nanoseconds.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import fields
from prof._core import ffi, lib
from prof.counted import Operations
from prof.errors import InputError
from prof.format import CLOCKS, DROPS, KINDS, drop_words, name_of
from prof.made import made
from prof.records import (
    Chunk,
    Drop,
    Edge,
    Function,
    Label,
    Line,
    MemoryTotals,
    Metric,
    Moment,
    Process,
    ProcessMoment,
    Sampler,
    SourceFile,
    Thread,
    TypeCount,
)
from prof.text import decoded, printable_json
from prof.tree import NO_LABEL, ROOT, Pairs, Tree, column_index, largest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prof._core import prof_reader, prof_reader_info
    from prof.events import Events
    from prof.filters import Applied, Filter

__all__ = [
    "ALL_THREADS", "CLOCKS", "DROPS", "KINDS", "NO_LABEL", "ROOT", "Capture", "Chunk", "Drop", "Edge", "Function",
    "Label", "Line", "MemoryTotals", "Metric", "Moment", "Process", "ProcessMoment", "Sampler", "SourceFile", "Thread",
    "Tree", "TypeCount", "captures_in", "glance", "newest_capture", "open_capture", "read",
]  # fmt: skip

ALL_THREADS: int = lib.PROF_READER_ALL_THREADS
_LATENCIES = ("completed", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")

# What lines hold, in detail beside the first two; and what functions sum over their subtrees, too.
LINE_COLUMNS = ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_bytes", "peak_bytes")
INCLUSIVE = ("alloc_count", "alloc_bytes", "live_bytes", "peak_bytes")
# What samples hold, and the fields of `Function` that sum them: own and inclusive.
SAMPLE_COLUMNS = {
    "samples": ("samples_self", "samples"),
    "cpu_samples": ("samples_cpu_self", "samples_cpu"),
    "held_samples": ("samples_gil_held_self", None),
    "wait_samples": ("samples_gil_wait_self", None),
    "sampled_ns": ("sampled_self_ns", "sampled_ns"),
    "sampled_cpu_ns": ("sampled_cpu_self_ns", None),
    "sampled_square": ("sampled_square_self", None),
}
# What is summed of whole stacks: the samples, the time that they stand for, and the processor time in it.
STACK_COLUMNS = ("samples", "sampled_ns", "sampled_cpu_ns")
# What samples found the threads to take, in the same way.
USAGE_COLUMNS = {
    "instructions": "instructions_self",
    "cycles": "cycles_self",
    "cache_misses": "cache_misses_self",
    "read_bytes": "read_bytes_self",
    "written_bytes": "written_bytes_self",
    "disk_read_bytes": "disk_read_bytes_self",
    "disk_written_bytes": "disk_written_bytes_self",
    "switches": "switches_self",
    "ready_ns": "ready_self_ns",
}


class Capture:
    """An open capture. Close it, or use it as a context manager; trees stay usable after that, labels do not."""

    def __init__(self, path: Path, reader: prof_reader | None = None) -> None:
        self.path = path
        self._open: prof_reader | None = read(path, lib.prof_reader_open) if reader is None else reader
        self.files: tuple[Path, ...] = (path,)
        """The captures that this was read from."""
        self.processes: list[Process] = []
        """Of several captures that are read as one, the processes, each below the one that began it; else empty."""
        self.notes: list[str] = []
        """What is to be said of several captures that are read as one: what is left out of them, and why."""
        self.foreign = False
        """Whether another tool recorded it: nothing of this one is known of it, such as what its probes cost."""
        self.peak_process: Process | None = None
        """Of several captures that are read as one, the process that all peaks of allocated memory are of."""
        self.largest_process: Process | None = None
        """And the one that `series` is of."""
        self.apart = True
        """Whether each thread has a tree of its own: not in files of several captures that were merged."""
        self._within: int | None = None
        self._filter: Applied | None = None
        self._chosen: Tree | None = None
        self._only: list[bool] | None = None
        self._libraries: list[tuple[bytes, bytes]] = []
        self.chosen: tuple[Filter, Callable[[Label], tuple[str, str]]] | None = None
        """What `choose` was told, if anything."""
        self._file_names: dict[str, str] = {}
        self.shows_source = True
        """Whether reports may show what source files hold."""
        self.texts: dict[str, str] = {}
        """The sources of files that are on no disk, by the names that labels have for them."""
        info = self._info
        self._labels: dict[int, Label] = {}
        self.version: int = info.version
        self.pid: int = info.pid
        self.recording: bool = info.state in (lib.PROF_RECORDING, lib.PROF_REPLACED)
        self.replaced: bool = info.state == lib.PROF_REPLACED
        self.cut: bool = bool(info.cut)
        self.full: str = _why_full(info.full)
        """Why the file could not grow, so that what came later is missing; empty if it could."""
        self.clock: str = name_of(info.clock, CLOCKS)
        self.calibrated: bool = bool(info.calibrated)
        self.ns_per_tick: float = info.ns_per_tick
        self.start_unix_ns: int = info.start_unix_ns
        self.duration_ns: int = info.duration_ns
        self.interval_ns: int = info.interval_ns
        self.probe_cost_ps: int = info.probe_cost_ps
        self.node_count: int = info.node_count
        self.label_count: int = info.label_count
        self.size: int = info.end
        self.modes: int = info.modes
        self.interleaved: bool = bool(info.flags & lib.PROF_FLAG_INTERLEAVED)
        self.metric_count: int = info.metric_count
        self.whole_stacks: bool = bool(info.stack_count)
        """Whether samples know what was above the spans, and the lines that called."""
        self.least_ns: int = info.least_ns
        """Functions and sections of which no call took as long are charged to their callers; 0: none."""
        self.memory_recorded: bool = bool(info.memory.recorded)
        self.traced: bool = bool(info.traced)
        """Whether it has spans as they went: `events`."""
        self.event_bytes: int = info.event_bytes
        """Of the file, for these."""
        self.meta: dict[str, Any] = self._read_meta()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file. Labels and tables can no longer be read: trying to raises ValueError."""
        if self._open is not None:
            reader, self._open = self._open, None
            ffi.release(reader)

    @property
    def _reader(self) -> prof_reader:
        if self._open is None:
            raise ValueError(f"{self.path} is closed")
        return self._open

    @property
    def _info(self) -> prof_reader_info:
        return lib.prof_reader_get(self._reader)

    def _read_meta(self) -> dict[str, Any]:
        try:
            meta = json.loads(_bytes(self._info.meta).decode("utf-8", "replace") or "{}")
            self.directory: str = str(meta.get("cwd") or "") if isinstance(meta, dict) else ""
            meta = printable_json(meta)
        except (ValueError, RecursionError):
            self.directory = ""
            return {}
        return meta if isinstance(meta, dict) else {}

    @property
    def program(self) -> str:
        """What the program is called; where the capture does not say, as the file is."""
        return str(self.meta.get("name") or self.path.name.removesuffix(".capture"))

    @property
    def command(self) -> str:
        """The program with its arguments; empty where they were not recorded."""
        argv = self.meta.get("argv")
        return " ".join(map(str, argv)) if isinstance(argv, list) else ""

    @property
    def mode_names(self) -> list[str]:
        """The modes that the capture says it was recorded with, known or not."""
        modes = self.meta.get("modes")
        return list(map(str, modes)) if isinstance(modes, list) else []

    @property
    def drops(self) -> list[Drop]:
        """What was dropped, healed or folded, without the zeros."""
        found = []
        for index, count in enumerate(self._info.drops):
            key = DROPS[index] if index < len(DROPS) else f"drop_{index}"
            if count:
                found.append(Drop(key, count, drop_words(key, count)))
        return found

    @property
    def sources(self) -> dict[str, SourceFile]:
        """What source files held when recording met them, by the file's name in labels; empty in older captures."""
        rows = _rows(self._info.sources, self._info.source_count)
        return {decoded(s.file): SourceFile(os.fsdecode(_bytes(s.file)), s.size, s.hash) for s in rows}

    @property
    def threads(self) -> list[Thread]:
        """The recorded threads, in the order they began."""
        rows = _rows(self._info.threads, self._info.thread_count)
        return [Thread(t.native_id, decoded(t.name), t.start_ns, t.alive_ns, bool(t.running), t.cpu_ns) for t in rows]

    @property
    def chunks(self) -> list[Chunk]:
        """The file's chunks, in file order."""
        rows = _rows(self._info.chunks, self._info.chunk_count)
        return [Chunk(c.offset, c.type, c.size, c.used, c.records, c.record_size, c.thread) for c in rows]

    @property
    def types(self) -> list[TypeCount]:
        """Live blocks by type when recording ended; empty where that was not recorded."""
        rows = _rows(self._info.types, self._info.type_count)
        return [TypeCount(decoded(t.name) or "(unnamed)", t.count, t.bytes) for t in rows]

    @property
    def series(self) -> list[Moment]:
        """The process over time; empty where that was not recorded."""
        rows = _rows(self._info.moments, self._info.moment_count)
        return [Moment(m.ns, m.rss_bytes, m.arena_bytes, m.live_bytes) for m in rows]

    def image(self) -> memoryview:
        """The bytes of the file; of several captures that are read as one, those of the file that they would be."""
        size = ffi.new("uint64_t *")
        data = lib.prof_reader_image(self._reader, size)
        return memoryview(ffi.buffer(data, size[0]))

    def recorded(self, column: str) -> bool:
        """Whether the capture has figures in that column of its trees: its mode was on."""
        assert self._info  # open
        return bool(lib.prof_reader_recorded(self._reader, column_index(column)))

    def memory(self, tree: Tree) -> MemoryTotals | None:
        """Memory's totals, those of allocations over the tree; None when memory was not recorded."""
        info = self._info.memory
        if not info.recorded:
            return None
        found: dict[str, Any] = {c: tree.inclusive(c)[ROOT] for c in LINE_COLUMNS[:2]}
        if info.detail:
            found |= {c: tree.inclusive(c)[ROOT] for c in LINE_COLUMNS[2:4]}
            found |= {
                c: getattr(info, c) for c in ("live_bytes", "peak_bytes", "peak_ns", "unknown_frees", "small_bytes")
            }
            classes = enumerate(info.class_count)
            found["size_classes"] = tuple((1 << k if k else 0, count) for k, count in classes if count)
        return MemoryTotals(detail=bool(info.detail), arena_bytes=info.arena_bytes, **found)

    def sampler(self, tree: Tree) -> Sampler | None:
        """The samples mode's totals, those of samples over the tree; None when samples were not recorded."""
        info = self._info.sampler
        if not info.recorded:
            return None
        found: dict[str, Any] = {c: tree.inclusive(c)[ROOT] for c in SAMPLE_COLUMNS if c != "sampled_square"}
        found |= {c: bool(getattr(info, c)) for c in ("frames", "lock", "waits")}
        found |= {
            c: getattr(info, c)
            for c in ("interval_ns", "ticks", "late", "idle", "unplaced", "partial", "work_ns", "cpu_ns")
        }
        total = tree.inclusive("samples")
        outside = total[ROOT] - sum(total[node] for node in tree.children(ROOT) if not tree.line[node])
        return Sampler(why=decoded(info.why), why_counters=decoded(info.why_counters), outside=outside, **found)

    def events(self) -> Events | None:
        """Spans as they went, and the process over time; None where `trace=` did not ask for it, and of a part that was
        chosen with `narrow`. Raises InputError."""
        from prof.events import read_events

        return read_events(self) if self._within is None else None

    @property
    def process(self) -> list[ProcessMoment]:
        """What the process took over time; empty where that was not recorded."""
        rows = _rows(self._info.process, self._info.process_count)
        names = [field.name for field in fields(ProcessMoment)]
        return [ProcessMoment(*(getattr(row, name) for name in names)) for row in rows]

    def metrics(self, tree: Tree) -> list[Metric]:
        """What the program said of its spans itself, by span and name; of spans that are in the tree."""
        found: dict[tuple[int, str], Metric] = {}
        info = lib.prof_reader_get(tree._reader)
        rows = _rows(info.metrics, info.metric_count)
        pointer = tree._pointer
        for row in rows:
            place = pointer.place[row.node]
            if not row.count or place == lib.PROF_READER_NO_PLACE:
                continue
            index, name = pointer.label[place], decoded(row.name) or "(unnamed)"
            label = None if index == NO_LABEL else self.label(index)
            if row.real:
                metric = Metric(label, name, row.count, row.real_sum, row.real_least, row.real_most)
            else:
                metric = Metric(label, name, row.count, (row.high << 64) + row.low, row.least, row.most)
            known = found.get((index, name))
            found[index, name] = metric if known is None else known.joined(metric)
        return list(found.values())

    def label(self, index: int) -> Label:
        """The label of that index, read on first use."""
        found = self._labels.get(index)
        if found is None:
            row = self._info.labels[index]
            kind = name_of(row.kind, KINDS)
            name, file = self._named(kind, decoded(row.name) or "(unnamed)", decoded(row.file))
            found = Label(
                index,
                kind,
                name,
                decoded(row.module),
                file,
                row.line,
                bool(row.flags & lib.PROF_LABEL_GENERATOR),
                row.flags
                & (
                    lib.PROF_LABEL_NO_TIME | lib.PROF_LABEL_NO_MEMORY | lib.PROF_LABEL_NO_DETAIL | lib.PROF_LABEL_NO_OPS
                ),
                bool(row.flags & lib.PROF_LABEL_AWAITS),
            )
            self._labels[index] = found
        return found

    def narrow(self, name: str = "", kind: str = "section") -> None:
        """From here on, the tree of all threads is that of the spans of this name and of what lies below them; without
        a name, of all spans, without what samples found, and lines allocated, outside of them.

        Latencies are of the whole recording, and so unknown within a name. Raises InputError where there is no such
        span.
        """
        self._within = NO_LABEL
        self.whole_stacks = False  # they are of all of it
        for index in range(self.label_count) if name else ():
            row = self._info.labels[index]
            if name_of(row.kind, KINDS) == kind and decoded(row.name) == name:
                self._within = index
                return
        if name:
            raise InputError(f"{self.path} has no {kind} {name!r}")

    def choose(self, filter: Filter, library: Callable[[Label], tuple[str, str]]) -> None:
        """From here on, trees are what the filter leaves. `library` says which library a function is of, and the file
        or folder of that, for what is collapsed. Latencies are of the whole recording.

        Raises UsageError for a pattern that nothing matches.
        """
        from prof.filters import Applied, threads_chosen

        self.chosen = filter, library
        if filter.thread:
            self._only = threads_chosen(self, filter.thread)
        if filter.of_stacks:
            self._filter = Applied(self, filter, library)
            self._chosen = self.tree()

    def everything(self) -> Tree:
        """The tree without filters."""
        return self._solved(self._tree(self._reader, ALL_THREADS), None)

    def has_thread(self, index: int) -> bool:
        """Whether one of `threads` is left."""
        return self._only is None or self._only[index]

    def add_library(self, name: str, file: str) -> int:
        """The index of a new label for functions of a library; the one behind it is for its frames and lines."""
        self._libraries.append((name.encode(), os.fsencode(file)))
        first = add_libraries(self._reader, self._libraries[-1:])
        self.label_count = self._info.label_count
        return first

    def call_files(self, names: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """From here on, labels call files by these names, and `texts`, by the new names, are their sources."""
        self._file_names.update(names)
        self.texts.update(texts)
        self._labels.clear()

    def _named(self, kind: str, name: str, file: str) -> tuple[str, str]:
        """The name of a label and its file's."""
        called = self._file_names.get(file, file)
        if called != file and kind == "line":
            name = f"{called}:{name.rpartition(':')[2]}"
        return name, called

    def tree(self, thread: int = ALL_THREADS, category: str | None = None) -> Tree:
        """The calling-context tree of one of `threads`, by its index there, or of all of them merged; what is left of
        it, after `choose`.

        Its column `ops` has the operations of one of `categories` only, if one is given.
        """
        if self._filter is None:
            return self._solved(self._unfiltered(thread), category)
        if thread == ALL_THREADS and category is None and self._chosen is not None:
            return self._chosen
        return self._filtered(self._filter, self._unfiltered(thread), category)

    def _filtered(self, applied: Applied, tree: Tree, category: str | None) -> Tree:
        tree = applied.tree(tree, self._stacks_left(applied, tree, False) if self.whole_stacks else None)
        if applied.filter.min:
            tree = applied.without_small(self._solved(tree, category))
            tree.clear("ops")
        return self._solved(tree, category)

    def _solved(self, tree: Tree, category: str | None) -> Tree:
        """The tree with its operations, if there are any."""
        if self.recorded("ops"):
            number = self.categories.index(category) + 1 if category else 0
            own = tree._pointer.own[column_index("ops")]
            rest = tree._reader, tree._pointer, own, self.categories, number, self._file_names
            tree.operations = Operations(self.path, *rest)
        return tree

    def _unfiltered(self, thread: int) -> Tree:
        """The tree without operations, of one thread, or of those that are chosen."""
        if thread == ALL_THREADS and self._only is not None:
            return self._tree_of_threads(self._only)
        return self._tree(self._reader, thread)

    def _tree_of_threads(self, chosen: Sequence[bool]) -> Tree:
        make, free = lib.prof_reader_tree_threads, lib.prof_reader_tree_free
        return Tree(made(self.path, free, make, self._reader, bytes(chosen)), self._reader)

    def stacks(self, tree: Tree, lines: bool = False) -> Tree:
        """What samples of `tree`, which is this capture's, met on whole stacks: another tree, without times and calls.

        It begins with the first function of each thread. Functions are in it with a span and without, and the other
        spans where they ran; below them are the lines that ran. With `lines` these are not, and a function that called
        from several lines, or ran there, is a node for each: `Tree.at` has the line. Raises InputError.
        """
        assert self._reader  # open
        if self._filter is None:
            return tree.stacks(self.path, lines)
        return self._filter.without_small(self._stacks_left(self._filter, tree, lines))

    def _stacks_left(self, applied: Applied, tree: Tree, lines: bool) -> Tree:
        return applied.tree(tree.unfiltered.stacks(self.path, lines), None)

    def in_stacks(self, column: str) -> bool:
        """Whether trees of whole stacks have figures in that column."""
        return bool(lib.prof_reader_in_stacks(column_index(column)))

    def tree_of(self, tree: Tree, column: str) -> Tree:
        """The tree that has all of a column: of samples whole stacks, else `tree`, which is this capture's."""
        return self.stacks(tree) if self.whole_stacks and self.in_stacks(column) else tree

    def _tree(self, reader: prof_reader, thread: int) -> Tree:
        make, of = lib.prof_reader_tree_new, thread
        if self._within is not None and thread == ALL_THREADS:
            make, of = lib.prof_reader_tree_within, self._within
        return Tree(made(self.path, lib.prof_reader_tree_free, make, reader, of), reader)

    @property
    def interpreter(self) -> str:
        """`cpython 3.12`, and `with its JIT` where that was on: it decides how a program is compiled, and allocates."""
        name = str(self.meta.get("implementation") or "")
        number = ".".join(str(self.meta.get("python") or ("" if name else "?")).split(".")[:2])
        jit = " with its JIT" if self.meta.get("jit") is True else ""
        return f"{name or 'python'} {number}".strip().lower() + jit

    @property
    def categories(self) -> tuple[str, ...]:
        """What the operations of this capture are told apart by."""
        found = self.meta.get("categories")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def functions(self, tree: Tree) -> list[Function]:
        """Sums by label over the tree, of every label that occurs in it and is no line."""
        count = self.label_count
        contexts = tree.label_sums(None, count)[0]
        columns: dict[str, Any] = {
            c: tree.label_sums(c, count)[0] for c in ("calls", "resumes", "suspended_ns", "items")
        }
        columns["self_ns"], columns["total_ns"] = tree.label_sums("self_ns", count, inclusive=True)
        for column in filter(self.recorded, LINE_COLUMNS):
            own, total = tree.label_sums(column, count, inclusive=column in INCLUSIVE)
            columns[column] = own
            if column in INCLUSIVE:
                columns[f"total_{column}"] = total
        solved = tree.operations
        if solved is not None:
            columns["ops"], columns["total_ops"] = tree.label_sums("ops", count, inclusive=True)
        for column, (own_field, total_field) in SAMPLE_COLUMNS.items() if self._info.sampler.recorded else ():
            own, total = tree.label_sums(column, count, inclusive=total_field is not None)
            columns[own_field] = own
            if total_field is not None:
                columns[total_field] = total
        for column in filter(self.recorded, USAGE_COLUMNS):
            columns[USAGE_COLUMNS[column]] = tree.label_sums(column, count)[0]
        rows = self._info.labels
        latencies = rows[0:count] if self._within in (None, NO_LABEL) else ()
        columns |= {name: [getattr(row, name) for row in latencies] or [0] * count for name in _LATENCIES}
        return [
            self._function(index, contexts[index], {name: values[index] for name, values in columns.items()}, solved)
            for index in range(count)
            if contexts[index] and rows[index].kind != lib.PROF_LINE
        ]

    def _function(self, index: int, contexts: int, sums: dict[str, Any], solved: Operations | None) -> Function:
        label = self.label(index)
        if solved is not None:
            sums["exact"] = solved.exact(index)
            sums["operations"] = solved.of_label(index) if label.has("ops") else None
        if label.left_out:
            sums = {
                name: value if label.has(name) else 0 if name.endswith("_ns") else None for name, value in sums.items()
            }
        return Function(label=label, contexts=contexts, **sums)

    def lines(self, tree: Tree, by: str = "alloc_bytes") -> list[Line]:
        """Sums by line over the tree, the largest first: of those that allocated, or `by` samples, that were met.

        Empty when that was not recorded.
        """
        if not self.recorded(by):
            return []
        columns = {
            c: tree.label_sums(c, self.label_count)[0] for c in filter(self.recorded, (*LINE_COLUMNS, "samples"))
        }
        rows = self._info.labels
        there = columns["samples" if by == "samples" else "alloc_count"]
        return [
            Line(label=self.label(index), span=None, **{name: sums[index] for name, sums in columns.items()})
            for index in largest_first(columns[by], self.label_count)
            if rows[index].kind == lib.PROF_LINE and there[index]
        ]

    def lines_in_spans(self, tree: Tree, by: str, limit: int) -> tuple[list[Line], int]:
        """The first `limit` lines by column `by`, kept apart by the innermost span around them, without those that have
        none of it; and how many those are."""
        if not self.recorded(by):
            return [], 0
        pairs = Pairs(tree, lines=True)
        columns = {c: pairs.sums(c)[0] for c in filter(self.recorded, LINE_COLUMNS)}
        found = []
        for pair in largest_first(columns[by], pairs.count)[:limit]:
            if not columns[by][pair]:
                break
            above, below = pairs.labels(pair)
            span = None if above == NO_LABEL else self.label(above)
            found.append(Line(label=self.label(below), span=span, **{c: sums[pair] for c, sums in columns.items()}))
        return found, sum(map(bool, columns[by][: pairs.count]))

    def edges(self, tree: Tree, of: int | None = None) -> list[Edge]:
        """Caller and callee pairs of the tree, longest total first: all, or those with the label of index `of`."""
        return self._edges(tree, of, None)[0]

    def longest_edges(self, tree: Tree, limit: int) -> tuple[list[Edge], int]:
        """The first `limit` of `edges`, and how many there are."""
        return self._edges(tree, None, limit)

    def _edges(self, tree: Tree, of: int | None, limit: int | None) -> tuple[list[Edge], int]:
        pairs = Pairs(tree, lines=False)
        calls, resumes = pairs.sums("calls")[0], pairs.sums("resumes")[0]
        self_ns, total_ns = pairs.sums("self_ns", inclusive=True)
        found = []
        for pair in largest_first(total_ns, pairs.count)[:limit]:
            above, below = pairs.labels(pair)
            if of is None or of in (above, below):
                caller = None if above == NO_LABEL else self.label(above)
                callee = self.label(below)
                times = (total_ns[pair], self_ns[pair]) if callee.has("self_ns") else (0, 0)
                found.append(Edge(caller, callee, calls[pair], resumes[pair], *times))
        return found, pairs.count

    def write_folded(self, tree: Tree, column: str, descriptor: int) -> int:
        """Writes a column as folded stacks to a file descriptor and returns the number of lines. Raises OSError."""
        assert self._info  # open
        values = tree._pointer.own[column_index(column)]
        lines: int = lib.prof_reader_fold(self._reader, tree._pointer, values, descriptor)
        if lines < 0:
            raise OSError(-lines, os.strerror(-lines))
        return lines


def add_libraries(reader: prof_reader, libraries: Sequence[tuple[bytes, bytes]]) -> int:
    """Adds labels of libraries, names and files, to a reader, and returns the index of the last one's first."""
    first: int = NO_LABEL
    for name, file in libraries:
        first = lib.prof_reader_add_library(reader, name, file)
        if first == NO_LABEL:
            raise MemoryError
    return first


def _why_full(error: int) -> str:
    if error == errno.EFBIG:
        return "it had its largest size"
    return os.strerror(error) if 0 < error < 4096 else "" if not error else "unknown"


def _rows(table: Any, count: int) -> list[Any]:
    return ffi.unpack(table, count) if count else []


def _bytes(text: Any) -> bytes:
    return bytes(ffi.buffer(text.text, text.length)) if text.length else b""


def read(path: Path, opener: Callable[[bytes, Any, int], prof_reader]) -> prof_reader:
    """A reader of the C core's, closed when it is let go of. Raises InputError, naming the path."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise InputError(f"{path} is not a path: it has a NUL")
    reader: prof_reader = made(path, lib.prof_reader_close, opener, name)
    return reader


def open_capture(path: str | os.PathLike[str]) -> Capture:
    """Opens a capture: finished, being written, or left by a process that was killed.

    Raises InputError, naming the path, when it is missing, empty, truncated, corrupt or of another version.
    """
    return Capture(Path(path))


def glance(path: Path) -> Capture:
    """Opens a capture for what it says of itself alone, quickly: no table can be read, and no tree made.

    Raises InputError as `open_capture` does.
    """
    return Capture(path, read(path, lib.prof_reader_glance))


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None  # a link to nothing


def captures_in(directory: str | os.PathLike[str]) -> list[tuple[int, Path]]:
    """The captures in a directory, each with the time when it was modified, in ns. Raises InputError when there is
    none."""
    found: list[tuple[int, Path]] = []
    try:
        with os.scandir(directory) as entries:
            captures = (entry for entry in entries if entry.name.endswith(".capture"))
            found.extend(
                (s.st_mtime_ns, Path(e.path)) for e in captures if (s := _status(e)) and stat.S_ISREG(s.st_mode)
            )
    except OSError as error:
        raise InputError(f"{directory} cannot be listed: {error.strerror}") from error
    if not found:
        where = "the current directory" if str(directory) == "." else str(directory)
        how = "`prof run app.py` records a program as it is, `PROF=time python app.py` what prof-instrument has marked"
        raise InputError(f"no *.capture in {where}: {how}")
    return found


def newest_capture(directory: str | os.PathLike[str] = ".") -> Path:
    """The capture in a directory that was modified last. Raises InputError when there is none."""
    return max(captures_in(directory))[1]
