"""Several captures read as one: the processes of a run, or several runs. A thin face over `csrc/read/merge.c`.

One capture after the other is opened, added and closed, so memory is that of the largest one and of what they hold
together. What comes out is a `Capture` like any other, with figures that are sums, to the last unit. Of peaks it has
those of the process with the highest: processes do not reach theirs at one moment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from prof import merged
from prof._core import ffi, lib
from prof.capture import (
    ALL_THREADS,
    Capture,
    Drop,
    Label,
    Moment,
    Process,
    ProcessMoment,
    Thread,
    Tree,
    add_libraries,
    open_capture,
)
from prof.errors import InputError
from prof.folded import replacing
from prof.format import drop_words
from prof.made import made
from prof.merged import Merged
from prof.modes import MODES
from prof.runs import Identity, Origin, origin, recorded_parents
from prof.unrecorded import counted

if TYPE_CHECKING:
    from prof._core import prof_merger, prof_reader
    from prof.events import Events

_ERROR = 400


def open_captures(paths: Sequence[str | os.PathLike[str]], notes: Iterable[str] = (), strict: bool = False) -> Capture:
    """Opens one capture, or several as one; `notes` are added to those of the result.

    Of several, one that cannot be read is left out, and the notes say so, unless `strict`. Raises InputError when none
    can be read, or when they cannot be added up: their clocks or, of operations and memory, their versions of Python
    differ.
    """
    different, again = _different([Path(path) for path in paths])
    capture = _opened(different[0]) if len(different) == 1 else _Reading().read(different, strict)
    capture.notes += [*notes, *(f"{path} was named twice, and is counted once" for path in again)]
    return capture


def merge(
    paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], strict: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> list[str]:  # fmt: skip
    """Writes the sum of captures as a capture; returns what is to be said of it. `tell` hears how many were read.

    One that cannot be read, or cannot be added to the first, is left out and named, unless `strict`; so is a recording
    that is there twice. Raises InputError where nothing can be read, and OutputError.
    """
    different, again = _different([Path(path) for path in paths])
    reading = _Reading(tell)
    with reading.read(different, strict, to_write=True) as capture, replacing(output, capture.files) as descriptor:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(capture.image())
        return [*(f"{path} was named twice, and is counted once" for path in again), *capture.notes]


def _opened(path: Path) -> Capture:
    """A capture, or a file of several."""
    capture = open_capture(path)
    found = merged.read(capture.meta)
    if found is None:
        return capture
    capture.close()
    return MergedCapture(path, found)


def _different(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The paths of different files, and those of files that were there already."""
    seen: set[tuple[int, int]] = set()
    first: list[Path] = []
    again: list[Path] = []
    for path in paths:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            first.append(path)  # which is said when it is opened
            continue
        key = status.st_dev, status.st_ino
        (again if key in seen else first).append(path)
        seen.add(key)
    return first, again


class _Reading:
    """Adds captures to a merger, and keeps what the whole has to know of each."""

    def __init__(self, tell: Callable[[int], None] = lambda _: None) -> None:
        self._tell = tell
        merger = lib.prof_merger_new()
        if merger == ffi.NULL:
            raise MemoryError
        self._merger: prof_merger = ffi.gc(merger, lib.prof_merger_free)
        self._names = _column_names()
        self._totals = ffi.new("uint64_t[]", len(self._names))
        self.rows: list[tuple[Process, Origin]] = []
        self.metas: dict[str, dict[str, Any]] = {}
        """Different ones: of processes of one run they are alike, but for what is a process's own."""
        self.parts: list[_Part] = []
        self.seen: set[tuple[Identity, int]] = set()
        self.left_out: list[str] = []
        self.recorded = dict.fromkeys(MODES, 0)
        self.intervals: set[int] = set()
        self.details = [0, 0]  # those that recorded memory, and of these those that did in detail
        self.counted: tuple[Path, str, tuple[str, ...]] | None = None
        self.clocks: dict[str, None] = {}
        self.peak = (-1, -1)  # the highest, and the index of its row
        # The largest memory, the index of its row, its moments.
        self.series: tuple[int, int, list[Moment]] = (-1, 0, [])
        self.usage: list[int] = [0] * len(merged.USAGE)
        self.used = False
        self.directories: dict[str, None] = {}
        self.event_bytes = 0
        self.traced = False

    def read(self, paths: list[Path], strict: bool, to_write: bool = False) -> _Captures:
        """Adds them. If it is `to_write`, those that cannot be added up are left out as well, and what the file has to
        say of them is in its meta."""
        for number, path in enumerate(paths):
            try:
                with _opened(path) as part:
                    self._add(part)
            except InputError as error:
                if strict or (isinstance(error, IncomparableError) and not to_write):
                    raise
                self.left_out.append(str(error))
            self._tell(number + 1)
        if not self.rows:
            more = f", and neither can the {len(paths) - 1} others be read" if len(paths) > 1 else ""
            raise InputError(f"{self.left_out[0]}{more}")
        return _Captures(self, [*(f"left out: {text}" for text in self.left_out), *self._mixed()], to_write)

    def _add(self, part: Capture) -> None:
        if not part.calibrated:
            raise InputError(f"{part.path} was killed before its clock was calibrated: its times are no times to add")
        self._check(part)
        found = part.found if isinstance(part, MergedCapture) else None
        origins = [where for _, where in found.rows] if found else [origin(part.meta, part.start_unix_ns)]
        keys = {(where.own, where.start_unix_ns) for where in origins if where.own is not None}
        if again := keys & self.seen:
            whose = " and ".join(str(own[1]) for own, _ in again)
            raise InputError(f"{part.path} is of process {whose}, which is there already: a copy is not counted again")
        error = ffi.new("char[]", _ERROR)
        result = lib.prof_merger_add(self._merger, part._reader, ALL_THREADS, self._totals, error, _ERROR)
        if result == -2:
            raise MemoryError
        if result:
            raise InputError(f"{part.path} {ffi.string(error).decode('utf-8', 'replace')}")
        self.seen |= keys
        self._keep(part, found, origins[0])

    def _check(self, part: Capture) -> None:
        """Raises IncomparableError where figures of this one and of those before are not of one kind."""
        processor = part.clock == "cpu"
        if self.clocks and processor != ("cpu" in self.clocks):
            words = "processor time" if processor else "wall time"
            raise IncomparableError(
                f"{part.path} has {words}, and {self.rows[0][0].path} has not: times of two kinds cannot be added up"
            )
        if not part.recorded("ops") and not part.memory_recorded:
            return
        path, version, categories = self.counted or (part.path, part.interpreter, part.categories)
        if version != part.interpreter:
            raise IncomparableError(
                f"{part.path} is of {part.interpreter}, and {path} of {version}:"
                " what they allocate and execute is not the same, and cannot be added up"
            )
        if categories and part.categories and categories != part.categories:
            raise IncomparableError(f"{part.path} and {path} tell different kinds of operations apart: use one version")

    def _keep(self, part: Capture, found: Merged | None, where: Origin) -> None:
        """Takes in what is no sum of a capture; `found` says it of a merged one, `where` whence another comes."""
        first = len(self.rows)
        meta = part.meta
        memory = part._info.memory
        threads, series, usage = part.threads, part.series, part.process
        totals = {column: n for column, n in zip(self._names, self._totals, strict=True) if part.recorded(column)}
        rows = found.rows if found else [(_process(part, where, len(threads), series, totals), where)]
        peak, largest = (found.peak, found.largest) if found else (0, 0)
        self.rows += rows
        self.parts.append(_Part(part.path, part.start_unix_ns, threads, part.apart))
        self.clocks[part.clock] = None
        self.directories |= dict.fromkeys(found.directories if found else [part.directory])
        own = {"lineage", "family", "argv", "name", "cwd", merged.KEY}
        common = {key: value for key, value in meta.items() if key not in own or (first == 0 and key != merged.KEY)}
        self.metas.setdefault(json.dumps(common), common)
        for mode in MODES.values():
            self.recorded[mode.name] += found.recorded.get(mode.name, 0) if found else mode.recorded(part)
        if part._info.sampler.recorded:
            self.intervals |= set(found.intervals if found else [part._info.sampler.interval_ns])
        if memory.recorded:
            for index, number in enumerate(found.details if found else (1, bool(memory.detail))):
                self.details[index] += number
        if memory.recorded or part.recorded("ops"):
            path, version, categories = self.counted or (part.path, part.interpreter, ())
            self.counted = path, version, categories or part.categories
        self.traced |= part.traced
        self.event_bytes += part.event_bytes
        if memory.detail and memory.peak_bytes > self.peak[0] and peak is not None:
            self.peak = memory.peak_bytes, first + peak
        most = None if largest is None else rows[largest][0].peak_rss_bytes
        if most is not None and largest is not None and most > self.series[0]:
            self.series = most, first + largest, series
        if len(usage) > 1:
            self.usage = [
                n + getattr(usage[-1], k) - getattr(usage[0], k) for n, k in zip(self.usage, merged.USAGE, strict=True)
            ]
            self.used = True

    def _mixed(self) -> list[str]:
        """What only some of the captures have."""
        number = len(self.rows)
        notes = [
            f"{name} was recorded by {found} of {number} processes: its figures are of those alone"
            for name, found in self.recorded.items()
            if 0 < found < number
        ]
        if 0 < self.details[1] < self.details[0]:
            notes.append(
                f"memory was recorded in detail by {self.details[1]} of {self.details[0]} processes: what was freed,"
                " live and at the peak is left out"
            )
        if len(self.intervals) > 1:
            each = " and ".join(f"{interval / 1e6:g} ms" for interval in sorted(self.intervals))
            notes.append(f"samples were taken every {each}: compare their times, and not their numbers")
        return notes

    def meta(self) -> dict[str, Any]:
        """The first process's; what differs between them is said of all."""
        metas = list(self.metas.values())
        found = dict(metas[0])
        for key in ("python", "implementation", "jit", "build", "platform", "host", "engine", "settings"):
            values = dict.fromkeys(str(meta[key]) for meta in metas if meta.get(key) is not None)
            if values:
                found[key] = " and ".join(values) if len(values) < 4 else f"{next(iter(values))} and others"
        found["modes"] = [name for name, number in self.recorded.items() if number] or found.get("modes")
        if self.counted is not None and self.counted[2]:
            found["categories"] = list(self.counted[2])
        found["cwd"] = next(iter(self.directories)) if len(self.directories) == 1 else ""
        for meta in metas:
            found = {**meta, **found}  # of a mode that the first one had not
        if unrecorded := _united([meta["unrecorded"] for meta in metas if isinstance(meta.get("unrecorded"), dict)]):
            found["unrecorded"] = unrecorded
        return found

    def merged(self, notes: list[str]) -> Merged:
        """What is no sum, for the meta of a file."""
        return Merged(
            rows=self.rows,
            peak=self.peak[1] if self.peak[1] >= 0 else None,
            largest=self.series[1] if self.series[0] >= 0 else None,
            series=self.series[2],
            usage=self.usage if self.used else None,
            recorded={name: number for name, number in self.recorded.items() if number},
            intervals=sorted(self.intervals),
            details=(self.details[0], self.details[1]),
            directories=list(self.directories),
            notes=notes,
        )

    def finish(self, start_unix_ns: int, duration_ns: int, meta: dict[str, Any]) -> prof_reader:
        text, pid = json.dumps(meta).encode(), self.rows[0][0].pid
        rest = self._merger, start_unix_ns, duration_ns, pid, text, len(text)
        try:
            reader: prof_reader = made("the captures", lib.prof_reader_close, lib.prof_merger_finish, *rest)
        finally:
            ffi.release(self._merger)
        return reader


class IncomparableError(InputError):
    """Captures that cannot be added up."""


@frozen
class _Part:
    """A capture that was added."""

    path: Path
    start_unix_ns: int
    threads: list[Thread]
    apart: bool


class _Several(Capture):
    """What several processes recorded, in the words of one capture."""

    def _take(self, found: Merged, ordered: list[Process]) -> None:
        rows = [process for process, _ in found.rows]
        self.processes = ordered
        self.recording = any(process.recording for process in rows)
        self.replaced = any(process.replaced for process in rows)
        self._series = found.series
        self._usage = found.usage
        self.peak_process = None if found.peak is None else rows[found.peak]
        self.largest_process = None if found.largest is None else rows[found.largest]
        self._dropped = _drops(self.processes)
        self.notes = [*found.notes]

    @property
    def drops(self) -> list[Drop]:
        """Those of all processes, by kind, and in how many processes each was met."""
        return self._dropped

    @property
    def series(self) -> list[Moment]:
        """Of the process whose memory was the largest: processes share memory, so theirs is no sum."""
        return self._series

    @property
    def process(self) -> list[ProcessMoment]:
        """What all processes took while they were recorded: nothing at the beginning, all of it at the end."""
        if self._usage is None:
            return []
        return [ProcessMoment(0, *([0] * len(self._usage))), ProcessMoment(self.duration_ns, *self._usage)]


class MergedCapture(_Several):
    """A file that `merge` wrote. What threads did apart it does not tell."""

    def __init__(self, path: Path, found: Merged) -> None:
        super().__init__(path)
        self.found = found
        self.apart = False
        self._take(found, _ordered(found.rows))

    def _unfiltered(self, thread: int) -> Tree:
        """As of one capture, of all threads. Raises InputError for a single one."""
        if thread != ALL_THREADS or self._only is not None:
            raise InputError(
                f"{self.path} was merged: what a thread did by itself is in the captures that it was made of"
            )
        return super()._unfiltered(thread)


class _Captures(_Several):
    """Several captures as one."""

    def __init__(self, reading: _Reading, notes: list[str], to_write: bool) -> None:
        rows = [process for process, _ in reading.rows]
        ordered = _ordered(reading.rows)
        first = ordered[0]
        found, meta = reading.merged(notes), reading.meta()
        if to_write:
            meta = {key: value for key, value in meta.items() if key not in ("lineage", "family")}
            if reading.traced:
                found.notes.append("spans as they went were recorded, and are not merged: they are in the captures")
            meta[merged.KEY] = merged.document(found)
        more = f"-and-{len(rows) - 1}-more" if len(rows) > 1 else ""
        path = first.path.with_name(f"{first.path.name.removesuffix('.capture')}{more}.capture")
        start = min(process.start_unix_ns for process in rows)
        super().__init__(path, reading.finish(start, _wall(rows), meta))
        self._take(found, ordered)
        parts = {part.path for part in reading.parts}
        order = [process.path for process in self.processes if process.path in parts]
        self.files = tuple(dict.fromkeys([*order, *(part.path for part in reading.parts)]))
        self.apart = all(part.apart for part in reading.parts)
        self.clock = " and ".join(reading.clocks)
        self._parts = reading.parts
        self.traced = reading.traced
        self.event_bytes = reading.event_bytes

    @property
    def threads(self) -> list[Thread]:
        """The threads of all processes, a process after the other, in the order in which the captures were read."""
        begin = self.start_unix_ns
        return [
            evolve(thread, start_ns=part.start_unix_ns + thread.start_ns - begin)
            for part in self._parts
            for thread in part.threads
        ]

    def events(self) -> Events | None:
        """As of one capture: those of all processes, on one clock. Each is read from its process's capture again."""
        from prof.events import Events, Labels, Point, Table, Track, series_of

        indexes = {_same(self.label(index)): index for index in range(self.label_count)}
        tracks: list[Track] = []
        points: list[Point] = []
        end = self.duration_ns
        for each in self._parts:
            with open_capture(each.path) as part:
                if not part.traced:
                    continue
                table = Table(part)
                later = each.start_unix_ns - self.start_unix_ns
                labels = [indexes.get(_same(part.label(index)), 0) for index in range(part.label_count)]
                table.move(later, ffi.new("uint32_t[]", labels or 1))
                for index in range(table.count):
                    points += table.points(index, len(tracks), self)
                    tracks.append(table.track(index))
                end = max(end, table.end_ns + later)
        if not tracks and not self.traced:
            return None
        largest = self.largest_process
        series = series_of(self, largest.start_unix_ns - self.start_unix_ns if largest else 0)
        return Events(tracks, Labels(self), series, points, self.start_unix_ns, end)

    def _unfiltered(self, thread: int) -> Tree:
        """As of one capture. Trees of some threads are read from their processes' captures again."""
        if thread == ALL_THREADS:
            return super()._unfiltered(thread)
        if not 0 <= thread < sum(len(part.threads) for part in self._parts):
            raise InputError(f"{self.path} has no thread {thread}")
        return self._tree_of_threads([index == thread for index in range(thread + 1)])

    def _tree_of_threads(self, chosen: Sequence[bool]) -> Tree:
        return self._tree(self._reader_of(iter(chosen)), ALL_THREADS)

    def _reader_of(self, chosen: Iterator[bool]) -> prof_reader:
        """Those threads as a capture whose labels have the indexes that they have here."""
        merger, error = ffi.gc(lib.prof_merger_new(), lib.prof_merger_free), ffi.new("char[]", _ERROR)
        if lib.prof_merger_like(merger, self._reader):
            raise MemoryError
        for each in self._parts:
            wanted = [index for index, _ in enumerate(each.threads) if next(chosen, False)]
            if not wanted:
                continue
            with _opened(each.path) as part:
                for thread in wanted:
                    if not part.apart:
                        part.tree(thread)  # which says so
                    if lib.prof_merger_add(merger, part._reader, thread, ffi.NULL, error, _ERROR):
                        raise InputError(f"{each.path} {ffi.string(error).decode('utf-8', 'replace')}")
        rest = merger, self.start_unix_ns, self.duration_ns, self.pid, b"", 0
        reader: prof_reader = made(self.path, lib.prof_reader_close, lib.prof_merger_finish, *rest)
        add_libraries(reader, self._libraries)
        return reader


def _process(
    part: Capture, where: Origin, threads: int, series: Sequence[Moment], totals: dict[str, int]
) -> Process:  # fmt: skip
    """A capture as a process."""
    return Process(
        path=part.path, pid=part.pid, parent=where.parent, depth=0, name=part.program,
        command=part.command or part.program, python=part.interpreter, host=str(part.meta.get("host") or ""),
        start_unix_ns=part.start_unix_ns, duration_ns=part.duration_ns, threads=threads, recording=part.recording,
        replaced=part.replaced, full=part.full, drops=part.drops, totals=totals,
        peak_rss_bytes=max((moment.rss_bytes for moment in series), default=None),
    )  # fmt: skip


def _same(label: Label) -> tuple[object, ...]:
    """What labels of two captures have in common that are one when these are added up."""
    return label.kind, label.name, label.module, label.file, label.line


def _column_names() -> list[str]:
    names: list[str] = []
    while (name := lib.prof_reader_column_name(len(names))) != ffi.NULL:
        names.append(ffi.string(name).decode())
    return names


def _ordered(rows: list[tuple[Process, Origin]]) -> list[Process]:
    """Each process below the one that began it, in the order in which they began to be recorded."""
    parents = recorded_parents([where for _, where in rows])
    below: dict[int | None, list[int]] = {}
    for index in sorted(range(len(rows)), key=lambda n: (rows[n][0].start_unix_ns, rows[n][0].pid)):
        below.setdefault(parents[index], []).append(index)
    found: list[Process] = []
    waiting = [(index, 0) for index in reversed(below.get(None, []))]
    while waiting:
        index, depth = waiting.pop()
        found.append(evolve(rows[index][0], depth=depth))
        waiting += [(child, depth + 1) for child in reversed(below.get(index, []))]
    placed = {process.path for process in found}
    # Captures that claim to be each other's ancestors.
    return found + [process for process, _ in rows if process.path not in placed]


def _united(every: list[dict[str, Any]]) -> dict[str, Any]:
    """What was marked without effect in any process: the same marks in most of them."""
    names: dict[str, dict[str, None]] = {}
    for found in every:
        for kind, entry in found.items():
            if isinstance(entry, dict) and isinstance(entry.get("names"), list):
                names.setdefault(kind, {}).update(dict.fromkeys(map(str, entry["names"])))
    return {kind: counted(list(each)) for kind, each in names.items()}


def _wall(processes: Iterable[Process]) -> int:
    """The time in which at least one process was recorded: runs may lie days apart."""
    whole, until = 0, 0
    for process in sorted(processes, key=lambda each: each.start_unix_ns):
        begin, end = process.start_unix_ns, process.start_unix_ns + process.duration_ns
        whole += max(0, end - max(begin, until))
        until = max(until, end)
    return whole


def _drops(processes: list[Process]) -> list[Drop]:
    found: dict[str, tuple[Drop, int]] = {}
    for process in processes:
        for drop in process.drops:
            before, number = found.get(drop.key, (evolve(drop, count=0), 0))
            found[drop.key] = evolve(before, count=before.count + drop.count), number + 1
    return [
        evolve(drop, words=f"{drop_words(drop.key, drop.count)} (in {number} of {len(processes)} processes)")
        for drop, number in found.values()
    ]
