"""Spans as they went, of a capture that was recorded with `trace=`: which ran when, on which thread.

A thin face over `csrc/read/events.c`. Columns are views of what C has read, without a copy. Instants are in ns since
the start of recording; of several captures, since the first one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from attrs import frozen
from prof._core import ffi, lib
from prof.made import made
from prof.text import decoded

if TYPE_CHECKING:
    from prof._core import prof_reader_events, prof_reader_track
    from prof.capture import Capture
    from prof.records import Label

__all__ = ["Events", "Labels", "Point", "Series", "Track", "read_events"]


@frozen(eq=False)
class Track:
    """The spans of one thread: columns of equal length, by start, those that contain others before them."""

    thread: str
    process: int
    """Its pid."""
    tid: int
    """The kernel's id of the thread."""
    spans: int
    start_ns: memoryview
    """`Q`, as `duration_ns`."""
    duration_ns: memoryview
    label: memoryview
    """`I`: indexes into `Events.labels`."""
    depth: memoryview
    """`I`: how many spans contain it."""
    deepest: int
    open: frozenset[int]
    """Indexes of spans that had not ended when the thread or the recording did; they last up to the end of that."""
    missing: list[tuple[int, int, int]]
    """Spans that the capture has not, for want of room: all `count` of them are between `start_ns` and `end_ns`."""


@frozen
class Series:
    """A figure of a process over time."""

    name: str
    unit: str
    """`B`, `ns`, or empty for counts."""
    times_ns: list[int]
    values: list[int]


@frozen
class Point:
    """A value of a metric, when the program said it."""

    name: str
    time_ns: int
    value: int | float
    track: int
    """Index into `Events.tracks`."""
    label: Label | None
    """Of the span that it was said in; None outside every span."""


class Labels(Sequence["Label"]):
    """The labels of a capture by index, read on first use."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def __len__(self) -> int:
        return self._capture.label_count

    @overload
    def __getitem__(self, index: int) -> Label: ...
    @overload
    def __getitem__(self, index: slice) -> list[Label]: ...
    def __getitem__(self, index: int | slice) -> Label | list[Label]:
        if isinstance(index, slice):
            return [self._capture.label(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._capture.label(index % len(self))

    def __iter__(self) -> Iterator[Label]:
        return map(self._capture.label, range(len(self)))


@frozen(eq=False)
class Events:
    """What a capture has of time as it went."""

    tracks: list[Track]
    """Threads that have a span or a point, or of which spans are missing."""
    labels: Sequence[Label]
    """By the indexes in tracks; usable while the capture is open."""
    series: dict[str, Series]
    """The process over time, by name: `rss`, `heap` and `live` (bytes), and what it had taken since it began, `user`
    and `system` (processor time), `read`, `written`, `disk read`, `disk written`, `waits`, `preemptions`. Empty where
    that was not recorded; of several processes, that of the largest one."""
    points: list[Point]
    start_unix_ns: int
    duration_ns: int
    """Up to the end of what is known."""

    @property
    def spans(self) -> int:
        """Of all tracks."""
        return sum(track.spans for track in self.tracks)

    @property
    def missing(self) -> int:
        """Spans that are not there for want of room, of all tracks."""
        return sum(count for track in self.tracks for _, _, count in track.missing)


def read_events(capture: Capture) -> Events | None:
    """The events of one capture; None where none were recorded. Raises InputError where they are damaged."""
    if not capture._info.traced:
        return None
    table = Table(capture)
    tracks = [table.track(i) for i in range(table.count)]
    points = [point for i in range(table.count) for point in table.points(i, i, capture)]
    return Events(tracks, Labels(capture), series_of(capture), points, capture.start_unix_ns, table.end_ns)


class Table:
    """What C has read of one capture."""

    def __init__(self, capture: Capture) -> None:
        self._table: prof_reader_events = made(
            capture.path, lib.prof_reader_events_free, lib.prof_reader_events_new, capture._reader
        )
        self._threads = capture.threads
        self._pid = capture.pid
        self.count: int = self._table.track_count
        self.end_ns: int = self._table.end_ns

    def _row(self, index: int) -> prof_reader_track:
        return self._table.tracks[index]

    def move(self, later_ns: int, labels: Any) -> None:
        """Puts the tracks among those of another capture: later by so much, label `i` being `labels[i]` there."""
        for index in range(self.count):
            lib.prof_reader_track_move(ffi.addressof(self._row(index)), later_ns, labels)

    def track(self, index: int) -> Track:
        row = self._row(index)
        thread = self._threads[row.thread]
        return Track(
            thread=thread.name,
            process=self._pid,
            tid=thread.native_id,
            spans=row.count,
            start_ns=self._view(row.start_ns, row.count, "Q"),
            duration_ns=self._view(row.duration_ns, row.count, "Q"),
            label=self._view(row.label, row.count, "I"),
            depth=self._view(row.depth, row.count, "I"),
            deepest=row.deepest,
            open=frozenset(ffi.unpack(row.open, row.open_count)) if row.open_count else frozenset(),
            missing=sorted((m.start_ns, m.end_ns, m.count) for m in row.missing[0 : row.missing_count]),
        )

    def points(self, index: int, track: int, capture: Capture) -> list[Point]:
        """The points of a track, which is called `track`; their labels are `capture`'s."""
        row = self._row(index)
        return [
            Point(
                decoded(p.name) or "(unnamed)",
                p.time_ns,
                p.real_value if p.real else p.value,
                track,
                None if p.label == lib.PROF_READER_NO_LABEL else capture.label(p.label),
            )
            for p in (row.points[i] for i in range(row.point_count))
        ]

    def _view(self, column: Any, count: int, code: Literal["I", "Q"]) -> memoryview:
        """A column, which keeps the table alive."""
        table = self._table
        if not count:
            return memoryview(b"").cast(code)
        kept = ffi.gc(column, lambda _: table and None)
        return memoryview(ffi.buffer(kept, count * (8 if code == "Q" else 4))).cast(code).toreadonly()


def series_of(capture: Capture, later_ns: int = 0) -> dict[str, Series]:
    """What a capture has of its process over time; its memory's instants are later by `later_ns`."""
    found: dict[str, Series] = {}

    def add(name: str, unit: str, times: list[int], values: list[int]) -> None:
        if any(values):
            found[name] = Series(name, unit, times, values)

    moments, usage = capture.series, capture.process
    times = [moment.ns + later_ns for moment in moments]
    for name, field in (("rss", "rss_bytes"), ("heap", "arena_bytes"), ("live", "live_bytes")):
        add(name, "B", times, [getattr(moment, field) for moment in moments])
    times = [moment.ns for moment in usage]
    for name, unit, field in (
        ("user", "ns", "user_ns"),
        ("system", "ns", "system_ns"),
        ("read", "B", "read_bytes"),
        ("written", "B", "written_bytes"),
        ("disk read", "B", "disk_read_bytes"),
        ("disk written", "B", "disk_written_bytes"),
        ("waits", "", "waits"),
        ("preemptions", "", "preemptions"),
    ):
        add(name, unit, times, [getattr(moment, field) for moment in usage])
    return found
