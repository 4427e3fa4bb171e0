"""Spans in the order of time: a thin face over `csrc/export/export.h`, which does all the passes over the spans."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from prof._core import ffi, lib

if TYPE_CHECKING:
    from prof.events import Track

PART = 4 << 20
"""Bytes that are written at once."""


class Columns:
    """The columns of a track, as C takes them."""

    def __init__(self, track: Track) -> None:
        held = [ffi.from_buffer(f"uint{bits}_t[]", column) for bits, column in (
            (64, track.start_ns), (64, track.duration_ns), (32, track.label), (32, track.depth),
        )]  # fmt: skip
        self.pointer: Any = ffi.new("prof_export_spans *", (track.spans, *held))
        self.count: int = track.spans
        self._held = held
        self.rows: int = lib.prof_export_rows(self.pointer)
        """How deep the spans are nested."""
        self.open = array("Q", sorted(track.open))
        """The spans that had not ended."""


class Texts:
    """Texts by label; the last stands for labels that are not known."""

    def __init__(self, texts: Sequence[bytes], unknown: bytes) -> None:
        whole = [*texts, unknown]
        begins = array("Q", [0, *accumulate(map(len, whole))])
        self.longest = max(map(len, whole))
        self._held = ffi.from_buffer("char[]", b"".join(whole) or b"\0"), ffi.from_buffer("uint64_t[]", begins)
        self.pointer: Any = ffi.new("prof_export_texts *", (len(whole), *self._held))


def chrome(columns: Columns, labels: Texts, head: bytes, span: int, stop: int) -> Iterator[bytes]:
    """The spans [span, stop) as events of Chrome's format, each with a comma before it; `head` begins them."""
    room = PART + len(head) + labels.longest + 128
    out, used = ffi.new("char[]", room), ffi.new("size_t *")
    while span < stop:
        span = lib.prof_export_chrome(columns.pointer, span, stop, labels.pointer, head, len(head), out, room, used)
        yield bytes(ffi.buffer(out, used[0]))


def perfetto(columns: Columns, labels: Texts, sequence: int) -> Iterator[bytes]:
    """Packets of Perfetto's format for all spans; the `labels` are fields of TrackEvent."""
    room = PART + labels.longest + 128
    out, used = ffi.new("unsigned char[]", room), ffi.new("size_t *")
    ends, depths = ffi.new("uint64_t[]", columns.rows + 1), ffi.new("uint32_t[]", columns.rows + 1)
    stack = ffi.new("prof_export_stack *", {"end_ns": ends, "depth": depths})
    open_spans, done = ffi.from_buffer("uint64_t[]", columns.open), 0
    while not done:
        done = lib.prof_export_perfetto(
            columns.pointer, stack, labels.pointer, open_spans, len(columns.open), sequence, out, room, used
        )
        yield bytes(ffi.buffer(out, used[0]))


@frozen
class Grouping:
    """Which labels may be merged: those of one group, of `never` not at all."""

    of: bytes
    """By label."""
    never: int = 255


@frozen
class Items:
    """Spans of a track, merged where they were short, by depth and by time within each."""

    array: Any
    counts: list[int]
    """By depth."""

    @property
    def count(self) -> int:
        return sum(self.counts)

    def pack(self) -> bytes:
        """As varints, row by row: see `prof_export_pack`."""
        out = ffi.new("unsigned char[]", 50 * max([1, *self.counts]))
        parts, begin = [], 0
        for count in self.counts:
            size = lib.prof_export_pack(self.array + begin, count, out)
            parts.append(bytes(ffi.buffer(out, size)))
            begin += count
        return b"".join(parts)

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Each depth with its items, as structs."""
        begin = 0
        for depth, count in enumerate(self.counts):
            yield depth, ffi.unpack(self.array + begin, count) if count else []
            begin += count


def count_merged(columns: Columns, between: tuple[int, int], least_ns: int, groups: Grouping) -> list[int]:
    """How many items there are at each depth between two moments, if spans shorter than that are merged."""
    counts = ffi.new("uint64_t[]", max(1, columns.rows))
    _merge(columns, between, least_ns, groups, counts, ffi.NULL)
    return list(ffi.unpack(counts, columns.rows)) if columns.rows else []


def merge(columns: Columns, between: tuple[int, int], least_ns: int, groups: Grouping) -> Items:
    """The items themselves."""
    counts = count_merged(columns, between, least_ns, groups)
    items = ffi.new("prof_export_item[]", max(1, sum(counts)))
    _merge(columns, between, least_ns, groups, ffi.new("uint64_t[]", counts or 1), items)
    return Items(items, counts)


def _merge(
    columns: Columns, between: tuple[int, int], least_ns: int, groups: Grouping, counts: Any, items: Any
) -> None:
    of = ffi.from_buffer("unsigned char[]", groups.of)
    lib.prof_export_merge(
        columns.pointer, *between, least_ns, of, len(groups.of), groups.never, columns.rows, counts, items
    )


@frozen
class Stretches:
    """What each of several contexts had in each stretch of time: own time, and how often it began."""

    contexts: int
    between: tuple[int, int]
    stretches: int
    own_ns: Any = field(init=False)
    calls: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "own_ns", ffi.new("uint64_t[]", self.contexts * self.stretches))
        object.__setattr__(self, "calls", ffi.new("uint32_t[]", self.contexts * self.stretches))

    def add(self, columns: Columns, child: array[int], sibling: array[int], of: array[int], into: array[int]) -> None:
        """Adds the spans of a track. By context of a tree, its first child, its next sibling, its label, and which of
        the contexts here it belongs to."""
        path = ffi.new("uint32_t[]", 2 * max(1, columns.rows))
        children, siblings, labels, places = (
            ffi.from_buffer("uint32_t[]", each) for each in (child, sibling, of, into)
        )
        lib.prof_export_stretches(
            columns.pointer,
            *self.between,
            self.stretches,
            children,
            siblings,
            labels,
            places,
            path,
            columns.rows,
            self.own_ns,
            self.calls,
        )
