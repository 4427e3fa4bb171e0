"""For ui.perfetto.dev and the trace processor: protocol buffers of
https://github.com/google/perfetto/tree/main/protos/perfetto/trace

A track is a sequence of packets: times are since the packet before, names are said once. Packets are compressed
together, as that format has it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

from prof.capture import Capture, Label
from prof.events import Events
from prof.modes import Measure
from prof.tools.analysis.timeline import needed
from prof.tools.exporters.export import Export
from prof.tools.exporters.named_tracks import Tracks, named
from prof.tools.exporters.pprof import scalar, text, varint
from prof.tracks import Columns, Texts, perfetto

# Fields of TracePacket.
_CLOCKS, _TIMESTAMP, _SEQUENCE, _EVENT, _INTERNED, _FLAGS = 6, 8, 10, 11, 12, 13
_COMPRESSED, _CLOCK_ID, _DEFAULTS, _TRACK = 50, 58, 59, 60
_CLEARED, _NEEDED = 1, 2  # of its flags
# Fields of TrackEvent, and its types.
_CATEGORY_IIDS, _NOTES, _TYPE, _NAME_IID, _TRACK_UUID, _NAME, _COUNTER, _PLACE_IID = 3, 4, 9, 10, 11, 23, 30, 34
_BEGIN, _INSTANT, _COUNTED = 1, 3, 4
_REALTIME, _BOOTTIME, _OWN_CLOCK = 1, 6, 64
_UNITS = {"ns": 1, "": 2, "B": 3}
_FIRST = 2  # of the sequences of tracks; 1 is that of all else
_COUNTERS = 1 << 32  # uuids of counters begin there


def render(capture: Capture, _measures: Sequence[Measure]) -> Iterator[bytes]:
    """The trace, in parts."""
    events = needed(capture, "the format perfetto")
    return _render(capture, events)


def _render(capture: Capture, events: Events) -> Iterator[bytes]:
    tracks = named(capture, events)
    yield b"".join(_head(events, tracks))
    names = _Names(events.labels)
    labels = Texts(names.events, scalar(_TYPE, _BEGIN))
    for number, (_, track) in enumerate(tracks.tracks):
        yield _compressed(_sequence(number, events.start_unix_ns, names.interned))
        for part in perfetto(Columns(track), labels, _FIRST + number):
            yield _compressed(part)
    yield _compressed(b"".join(_beside(events, tracks)))


def _packet(*fields: bytes) -> bytes:
    return text(1, b"".join(fields))


def _compressed(packets: bytes) -> bytes:
    return _packet(text(_COMPRESSED, zlib.compress(packets, 1))) if packets else b""


def _uuid(track: int) -> int:
    return 1 + track


def _head(events: Events, tracks: Tracks) -> Iterator[bytes]:
    """When it was, and what tracks there are."""
    process_uuid = {pid: (1 << 40) + pid for pid in tracks.processes}
    sequence = scalar(_SEQUENCE, 1)
    clocks = (text(1, scalar(1, clock) + scalar(2, events.start_unix_ns)) for clock in (_REALTIME, _BOOTTIME))
    yield _packet(text(_CLOCKS, b"".join(clocks) + scalar(2, _BOOTTIME)), sequence, scalar(_FLAGS, _CLEARED))
    for pid, name in tracks.processes.items():
        process = text(3, scalar(1, pid) + text(6, name.encode("utf-8", "replace")))
        yield _packet(text(_TRACK, scalar(1, process_uuid[pid]) + process), sequence)
    for number, (tid, track) in enumerate(tracks.tracks):
        thread = scalar(1, track.process) + scalar(2, tid) + text(5, track.thread.encode("utf-8", "replace"))
        yield _packet(text(_TRACK, scalar(1, _uuid(number)) + text(4, thread)), sequence)
    for number, series in enumerate(events.series.values()):
        unit = scalar(3, _UNITS[series.unit]) if series.unit in _UNITS else text(6, series.unit.encode())
        about = scalar(1, _COUNTERS + number) + text(2, series.name.encode()) + text(8, unit)
        yield _packet(text(_TRACK, about + scalar(5, process_uuid.get(tracks.main, 0))), sequence)


def _sequence(number: int, start_unix_ns: int, interned: bytes) -> bytes:
    """What begins the sequence of a track: its clock, which counts on from packet to packet, its track, the names."""
    sequence = scalar(_SEQUENCE, _FIRST + number)
    now = text(1, scalar(1, _BOOTTIME) + scalar(2, start_unix_ns))
    own = text(1, scalar(1, _OWN_CLOCK) + varint(2 << 3) + b"\0" + scalar(3, 1) + scalar(4, 1))
    defaults = scalar(_CLOCK_ID, _OWN_CLOCK) + text(_EVENT, scalar(_TRACK_UUID, _uuid(number)))
    return _packet(
        text(_CLOCKS, now + own),
        sequence,
        scalar(_FLAGS, _CLEARED),
        text(_DEFAULTS, defaults),
        text(_INTERNED, interned),
    )


class _Names:
    """Names, kinds and places of labels: each is said once in a sequence, and has a number from 1 on."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._names: dict[str, int] = {}
        self._kinds: dict[str, int] = {}
        self._places: dict[tuple[str, int], int] = {}
        self.events = [self._event(label) for label in labels]
        """By label, the fields of an event that begins a span of it."""
        rows = [text(1, scalar(1, number) + _utf8(2, kind)) for kind, number in self._kinds.items()]
        rows += [text(2, scalar(1, number) + _utf8(2, name)) for name, number in self._names.items()]
        for (file, line), number in self._places.items():
            rows.append(text(4, scalar(1, number) + _utf8(2, file) + scalar(4, line)))
        self.interned = b"".join(rows)

    def _event(self, label: Label) -> bytes:
        name = self._names.setdefault(label.name, len(self._names) + 1)
        kind = self._kinds.setdefault(label.kind, len(self._kinds) + 1)
        begin = scalar(_TYPE, _BEGIN) + scalar(_NAME_IID, name) + scalar(_CATEGORY_IIDS, kind)
        if not label.file:
            return begin
        place = label.file, max(0, label.line)
        return begin + scalar(_PLACE_IID, self._places.setdefault(place, len(self._places) + 1))


def _utf8(field: int, words: str) -> bytes:
    return text(field, words.encode("utf-8", "replace"))


def _beside(events: Events, tracks: Tracks) -> Iterator[bytes]:
    """Series, points, and what is missing: in a sequence without a clock of its own."""

    def event(ns: int, *fields: bytes) -> bytes:
        return _packet(
            scalar(_TIMESTAMP, events.start_unix_ns + ns), scalar(_SEQUENCE, 1), text(_EVENT, b"".join(fields))
        )

    def instant(ns: int, name: str, track: int | None, **notes: int | float) -> bytes:
        at = scalar(_TRACK_UUID, _uuid(track)) if track is not None else b""
        return event(ns, scalar(_TYPE, _INSTANT), at, _utf8(_NAME, name), *(_note(*each) for each in notes.items()))

    for number, series in enumerate(events.series.values()):
        for ns, value in zip(series.times_ns, series.values, strict=True):
            counted = varint(_COUNTER << 3) + varint(round(value))  # zero, too
            yield event(ns, scalar(_TYPE, _COUNTED), scalar(_TRACK_UUID, _COUNTERS + number), counted)
    for point in events.points:
        at = point.track if tracks.place(point.track) else None
        yield instant(point.time_ns, point.name, at, value=point.value)
    for number, (_, track) in enumerate(tracks.tracks):
        for begin, end, count in track.missing:
            yield instant(begin, "spans are missing", number, count=count, length_ns=end - begin)


def _note(name: str, value: float) -> bytes:
    """A debug annotation."""
    of = struct.pack("<Bd", 5 << 3 | 1, value) if isinstance(value, float) else varint(4 << 3) + varint(value)
    return text(_NOTES, _utf8(10, name) + of)


_WORDS = "ui.perfetto.dev and its trace processor, needs events"
EXPORT = Export("perfetto", ".perfetto-trace", _WORDS, render, filtered=False)
